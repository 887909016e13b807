"""The telemetry path: spans through nested processors to exporters and meters.

It may be slow, sampled or lost; the app and the money do not depend on it.
"""
