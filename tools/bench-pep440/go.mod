module github.com/andiron-dev/andiron/tools/bench-pep440

go 1.26.0

replace github.com/andiron-dev/andiron => ../..

require (
	github.com/andiron-dev/andiron v0.0.0-00010101000000-000000000000
	github.com/aquasecurity/go-pep440-version v0.0.1
)

require (
	github.com/aquasecurity/go-version v0.0.1 // indirect
	golang.org/x/xerrors v0.0.0-20231012003039-104605ab7028 // indirect
)
