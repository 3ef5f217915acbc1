"""Time and memory of handspun compared with its peers. ``python -m benchmarks`` measures and writes the report."""
