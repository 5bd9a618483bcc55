"""The console with a month of simulated rent on this machine: `make console`."""
