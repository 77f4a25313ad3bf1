package manifest

import (
	"errors"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Read reads a file of a kind. An error says that nothing of it could be read;
// whatever else is wrong is among the problems of the file.
//
// Installed is read by ReadInstalled.
func Read(kind Kind, path string, b []byte, lim Limits) (*File, error) {
	r := &reader{file: File{Kind: kind, Path: path}, lim: lim.withDefaults()}
	if int64(len(b)) > r.lim.Bytes {
		return nil, &SyntaxError{path, 0, bounded.Exceeded("bytes of a file", r.lim.Bytes)}
	}
	err := r.read(kind, b)
	if err == nil {
		var f *File
		if f, err = r.done(); err == nil {
			return f, nil
		}
	}
	line := 0
	if at, ok := errors.AsType[*lineError](err); ok {
		line, err = at.line, at.err
	}
	return nil, &SyntaxError{path, line, err}
}

func (r *reader) read(kind Kind, b []byte) error {
	switch kind {
	case Requirements:
		return r.readRequirements(b)
	case PyProject:
		return r.toml(b, r.readPyProject)
	case PoetryLock:
		return r.toml(b, r.readPoetryLock)
	case UVLock:
		return r.toml(b, r.readUVLock)
	case PDMLock:
		return r.toml(b, r.readPDMLock)
	case PyLock:
		return r.toml(b, r.readPyLock)
	case Pipfile:
		return r.toml(b, r.readPipfile)
	case PipfileLock:
		return r.json(b, r.readPipfileLock)
	case SetupCfg:
		return r.readSetupCfg(b)
	case SetupPy:
		return r.readSetupPy(b)
	case CondaEnv:
		return r.yaml(b, r.readCondaEnv)
	case CondaLock:
		return r.yaml(b, r.readCondaLock)
	case CondaExplicit:
		return r.readCondaExplicit(b)
	case UVConfig:
		return r.toml(b, r.readUVConfig)
	case CondaInstalled:
		return r.json(b, r.readCondaMeta, condaMetaKeys...)
	case Dockerfile:
		return r.readDockerfile(b)
	case Notebook:
		return r.json(b, r.readNotebook, notebookKeys...)
	case Installed:
	}
	return errors.New("files of this kind are not read one by one")
}

func (r *reader) toml(b []byte, read func(*tree)) error {
	t, err := parseTOML(b, r.lim)
	if err == nil {
		read(t)
	}
	return err
}

func (r *reader) json(b []byte, read func(*tree), only ...string) error {
	t, err := r.parseJSON(b, only...)
	if err != nil {
		return err
	}
	if t.root().kind() != table {
		return errors.New("the document is not an object")
	}
	read(t)
	return nil
}

func (r *reader) yaml(b []byte, read func(*tree)) error {
	t, err := r.parseYAML(b)
	if err != nil {
		return err
	}
	if k := t.root().kind(); k != table {
		return errors.New("the document is " + k.String() + ", not a mapping")
	}
	read(t)
	return nil
}
