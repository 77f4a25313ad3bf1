// Package manifest reads the files that say which packages a Python project asks
// for, is bound to, or has installed.
//
// Every statement keeps its line, its index, its hashes, its marker and its group.
// Nothing is executed and nothing is resolved: a range stays a range. TOML, JSON
// and YAML become one kind of tree, of which the readers of the formats take facts.
//
// # Security
//
// This package is made for hostile input. It never panics; memory and time stay in
// proportion to the file, however often it names, includes or stands for itself.
// What a file leaves to somebody else (a variable of the environment, a list that
// is computed, a file that another program makes) is a Problem that begins with
// "undetermined". What has more than one reading, or is not read, is a Problem too.
// An error says that nothing of a file could be read. User names, passwords and tokens are cut out of
// every address, also where it is quoted in a problem; that there were some is a
// fact. A variable that stands for credentials only is none and leaves nothing open.
//
// # Limits
//
// Limits bounds the bytes of a file, of a line and of one that is continued, the
// statements, the values of a document and how deep they nest. Exceeding one is an
// error that wraps bounded.ErrLimit and names the line. Of a document of YAML all
// nodes are in memory at once, so that it may have a quarter of the values.
// Commands within Dockerfiles and notebooks are followed as far as literals go: assignments,
// defaults, shells within shells up to four; not loops, functions or files that a
// command reads.
//
// # Specification
//
// Requirements are read as pip 26.3 reads them (req_file.py), environment variables
// aside. PEP 440, 503, 508, 517, 518, 610, 621, 627, 685, 735, 751, 770. poetry.lock
// 1.0 to 2.1, uv.lock 1 (revisions to 5), pdm.lock 4.0 to 4.5, Pipfile specification
// 6, conda-lock 1, environments, records and explicit lists of conda 25, setup.cfg and setup.py of
// setuptools 80, the Dockerfile reference of BuildKit 0.25, nbformat 4. What each reader holds
// to beyond that is said beside it.
package manifest
