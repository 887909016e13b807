"""What the adapters of client SDKs share: the choke point, the life of an exchange, estimates, and looks into JSON."""
