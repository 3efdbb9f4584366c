module muster/interop

go 1.26
