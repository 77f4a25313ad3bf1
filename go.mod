module github.com/andiron-dev/andiron

go 1.26
