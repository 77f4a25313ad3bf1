package manifest

// Kind is a form of file.
type Kind string

// The kinds.
const (
	Requirements   Kind = "requirements"    // what pip install -r reads, and constraints
	PyProject      Kind = "pyproject"       // pyproject.toml
	SetupCfg       Kind = "setup.cfg"       //
	SetupPy        Kind = "setup.py"        //
	PoetryLock     Kind = "poetry.lock"     //
	UVLock         Kind = "uv.lock"         //
	PDMLock        Kind = "pdm.lock"        //
	Pipfile        Kind = "pipfile"         //
	PipfileLock    Kind = "pipfile.lock"    //
	PyLock         Kind = "pylock"          // PEP 751
	CondaEnv       Kind = "conda-env"       // environment.yml
	CondaLock      Kind = "conda-lock"      // conda-lock.yml
	CondaExplicit  Kind = "conda-explicit"  // @EXPLICIT, the addresses of all packages
	CondaInstalled Kind = "conda-installed" // conda-meta/*.json
	Installed      Kind = "installed"       // *.dist-info
	Dockerfile     Kind = "dockerfile"      // the pip install lines of it
	Notebook       Kind = "notebook"        // the pip install lines of it
	UVConfig       Kind = "uv.toml"         // the indexes and constraints of uv beside a project
)

// Locked reports whether a file of this kind says what is installed to the last
// package, so that what it does not name is not there.
func (k Kind) Locked() bool {
	switch k {
	case PoetryLock, UVLock, PDMLock, PipfileLock, PyLock, CondaLock, CondaExplicit, CondaInstalled, Installed:
		return true
	case Requirements, PyProject, SetupCfg, SetupPy, Pipfile, CondaEnv, Dockerfile, Notebook, UVConfig:
	}
	return false
}

// File is what one file says.
type File struct {
	Kind     Kind
	Path     string // slash-separated, as it was given
	Name     string // of the project itself, where it says so; normalised
	Python   string // requires-python, as written
	Packages []Package
	Indexes  []Index
	Includes []Include // -r and -c, which whoever opens files follows
	Problems []Problem // what could not be read; the rest was
	// Tool is the project's tool by what it says of itself: "uv", "poetry", "pdm",
	// "pipenv", "pip-tools", "conda"; "" where nothing says so.
	Tool string
	// RequireHashes says that nothing without a hash is installed from it, which
	// pip also holds to where one package has a hash.
	RequireHashes bool
}

// Package is one statement about one package: a requirement, or an entry of a lock.
type Package struct {
	Name       string // normalised, PEP 503; a conda package has the name of conda
	Spelled    string // as written
	Version    string // the one version that this allows, as written: "2.1.0+cu118"; "" if there are several
	Specifier  string // as written, ">=2.1,<3"; "" if there is none
	Extras     []string
	Marker     string   // PEP 508, as written
	Groups     []string // "dev", "extra:gpu", "build-system"; nil is what is always installed
	Source     Source
	Hashes     []Hash
	Requires   []string // normalised names, of a lock
	Platform   string   // that a lock of conda has it for: "linux-64"; "" of others
	Optional   bool     // a lock has it and says that not everyone gets it
	Direct     bool     // somebody asked for it by name, in a manifest
	Constraint bool     // it limits a version and asks for nothing (-c, tool.uv.constraint-dependencies)
	Override   bool     // a constraint that stands in place of what others ask for
	Line       int      // from 1; 0 where the form has no lines of its own
	Column     int
	Command    int // of a container file: which of its commands asks for it, from 1
	Stage      int // of a container file: the stage of that command, from 1; 0 before the first FROM
	// Wheels are the files that a lock lists, by name, with what it says of them.
	Wheels []Artifact
	// Repairs are what the changelog of the distribution that installed it names.
	Repairs []Repair
	// Bundled are the documents in *.dist-info/sboms/ (PEP 770), by path.
	Bundled []string
	// Record is what an installed package brought, nil where nothing says so.
	Record *Record
}

// Record is what the RECORD of an installed package lists.
type Record struct {
	Files     int
	Libraries []string // native libraries that came inside of the wheel, by path; at most 1,000
}

// Source says where the bytes of a package come from.
type Source struct {
	Type      SourceType
	URL       string // of the index, the file, the repository or the path; credentials are cut out
	Index     string // the name of an index, where the package is bound to it by name
	Reference string // what a VCS entry asks for: a branch, a tag, a commit
	Commit    string // 40 or 64 hexadecimal digits, where it is fixed
	Subdir    string
	Secret    bool // there were credentials in the address
}

// SourceType is a kind of source.
type SourceType string

// The source types. The zero value is any index that the installer is told of.
const (
	AnyIndex SourceType = ""
	OneIndex SourceType = "index" // bound to the one in URL or Index
	AtURL    SourceType = "url"
	VCS      SourceType = "vcs"
	Path     SourceType = "path"
	Editable SourceType = "editable"
	Virtual  SourceType = "virtual" // the project itself, or a member of its workspace
	Conda    SourceType = "conda"   // a channel, in URL
)

// Hash is a digest that a file must have.
type Hash struct {
	Algorithm string // "sha256"
	Digest    string // hexadecimal, lower case
}

// Artifact is a file of a package, as a lock lists it.
type Artifact struct {
	File   string // the last part of its URL or path
	URL    string
	Hash   Hash   // zero if there is none
	Upload string // upload time, RFC 3339, where the lock has it
	Size   int64  // 0 if unknown
}

// Index is a place that packages come from.
type Index struct {
	URL      string // credentials are cut out; "" of --no-index
	Name     string
	Role     IndexRole
	Explicit bool // only packages that name it come from there
	Secret   bool // there were credentials in the address
	Line     int
	Command  int // of a container file: the command that searches it; 0 is every one
}

// IndexRole says how an installer uses an index.
type IndexRole string

// The roles.
const (
	Primary   IndexRole = "primary"    // --index-url, uv's default
	Extra     IndexRole = "extra"      // --extra-index-url, and sources that are merged with others
	FindLinks IndexRole = "find-links" // flat pages and folders
	NoIndex   IndexRole = "no-index"
	Channel   IndexRole = "channel"           // of conda, in order of priority
	BestMatch IndexRole = "unsafe-best-match" // no place: a strategy that merges all of them
	Trusted   IndexRole = "trusted-host"      // no place: a host whose certificate is not checked
)

// Include is another file that this one reads.
type Include struct {
	Path       string // as written
	Constraint bool
	Line       int
	Command    int // of a container file: the command that reads it; 0 is every one
	Stage      int // of a container file, as of Package
}

// Problem is something that could not be read, or has more than one reading.
type Problem struct {
	Line int
	Text string // one sentence, lowercase
}
