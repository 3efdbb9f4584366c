module muster/benchmarks/registry/echo

go 1.26
