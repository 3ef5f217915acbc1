"""What handspun costs in time and memory, beside its peers. ``python -m benchmarks`` measures and writes the report."""
