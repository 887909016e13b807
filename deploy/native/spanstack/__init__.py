"""The stack without Docker: collector, Jaeger, Prometheus and Alertmanager on loopback, by one command.

Standard library only, because it has to run before anything is installed.
"""
