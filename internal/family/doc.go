// Package family knows which packages belong to PyTorch, which of their versions
// go together, and for which accelerator a build was made.
//
// torch, torchvision, torchaudio, triton, xformers and the nvidia packages are one
// program in several wheels. A set that mixes release trains or accelerators installs
// without complaint and fails at the first operator, so an update has to move all of
// them.
//
// # Security
//
// The package is made for hostile input: names, versions and addresses are compared
// and never used for anything else. What the table does not know is said to be
// unknown, never to fit.
//
// # Limits
//
// Coherent holds each package against at most 64 different builds of torch; more
// than that is a problem of its own.
//
// # Specification
//
// The table is trains.txt; each group of lines names where it is from. Local versions
// are PEP 440's; the names of index paths are those of the PyTorch index (cpu, cu121,
// rocm6.2.4, xpu).
package family
