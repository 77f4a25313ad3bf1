package relock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/child"
	"github.com/andiron-dev/andiron/internal/manifest"
)

// ToolError is what went wrong with another program.
type ToolError struct {
	Text, Hint string
	Output     []string // the last lines that it printed
}

func (e *ToolError) Error() string { return e.Text }

// tool is a program that makes locks.
type tool struct {
	name, path, version string

	opt Options
	env []string
	dir string // scratch, with a folder for its cache and its settings
}

// programs are the names of the tools' programs.
var programs = map[string]string{"uv": "uv", "pip-tools": "pip-compile", "poetry": "poetry"}

const uvHint = `uv makes locks of all kinds: "pip install uv" brings it`

// find looks for the tool of a project, and asks its version. uv stands in for
// pip-compile, whose files it writes.
func find(ctx context.Context, p *Project, opt Options, dir string) (*tool, error) {
	program, ok := programs[p.Tool]
	if !ok {
		return nil, fmt.Errorf("%q is not a tool that is known", p.Tool)
	}
	t := &tool{name: p.Tool, opt: opt, dir: dir, env: environment(p, opt.Getenv, dir)}
	var err error
	if t.path, err = look(program, opt.Getenv); err != nil && p.Tool == "pip-tools" {
		t.name = "uv"
		t.path, err = look("uv", opt.Getenv)
	}
	if err != nil {
		return nil, &ToolError{Text: fmt.Sprintf("there is no %q on PATH", program), Hint: uvHint}
	}
	for _, sub := range []string{"config", "cache", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	out, err := t.run(ctx, dir, "--version")
	if err != nil {
		return nil, err
	}
	t.version = versionIn(out)
	if t.version == "" {
		return nil, &ToolError{Text: fmt.Sprintf("%q does not say its version", t.path), Output: out}
	}
	opt.Say(fmt.Sprintf("this runs %s %s, %q, in a copy of the project's dependency files", t.name, t.version, t.path))
	return t, nil
}

// look finds a program on the PATH that the caller has.
func look(program string, getenv func(string) string) (string, error) {
	for _, dir := range filepath.SplitList(getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue // the current folder may be anyone's
		}
		if found, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return found, nil
		}
	}
	return "", exec.ErrNotFound
}

// versionIn is the version in "uv 0.12.5 (…)", "Poetry (version 2.1.3)" or
// "pip-compile, version 7.4.1".
func versionIn(lines []string) string {
	for _, line := range lines {
		for word := range strings.FieldsSeq(line) {
			if word = strings.Trim(word, "(),v"); word != "" && word[0] >= '0' && word[0] <= '9' && strings.Contains(word, ".") {
				return word
			}
		}
	}
	return ""
}

// kept are the variables that a tool gets as they are: where programs are, whom to
// trust, and through whom to talk.
var kept = []string{
	"PATH", "HOME", "USER", "LANG", "LC_ALL", "PYENV_ROOT", "SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
	"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "all_proxy", "no_proxy",
}

// environment is that of a tool.
func environment(p *Project, getenv func(string) string, dir string) []string {
	env := []string{
		"XDG_CONFIG_HOME=" + filepath.Join(dir, "config"), "XDG_CONFIG_DIRS=" + filepath.Join(dir, "config"),
		"XDG_CACHE_HOME=" + filepath.Join(dir, "cache"), "TMPDIR=" + filepath.Join(dir, "tmp"),
		"UV_CACHE_DIR=" + filepath.Join(dir, "cache", "uv"), "UV_PYTHON_DOWNLOADS=never", "UV_NO_PROGRESS=1", "UV_NO_ENV_FILE=1",
		"UV_CUSTOM_COMPILE_COMMAND=andiron deps lock", "CUSTOM_COMPILE_COMMAND=andiron deps lock",
		"POETRY_CACHE_DIR=" + filepath.Join(dir, "cache", "poetry"), "POETRY_VIRTUALENVS_CREATE=false", "POETRY_NO_INTERACTION=1",
		"PIP_CONFIG_FILE=" + os.DevNull, "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "PYTHONDONTWRITEBYTECODE=1", "NO_COLOR=1",
	}
	names := kept
	for _, f := range p.Files {
		for _, i := range f.Indexes {
			if user, password, ok := credentialNames(i); ok {
				names = append(slices.Clip(names), user, password)
			}
		}
	}
	for _, name := range names {
		if value := getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// credentialNames are the variables in which uv looks for those of an index.
func credentialNames(i manifest.Index) (user, password string, ok bool) {
	if i.Name == "" {
		return "", "", false
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, i.Name)
	return "UV_INDEX_" + name + "_USERNAME", "UV_INDEX_" + name + "_PASSWORD", true
}

// run runs the tool and returns the last lines of what it printed.
func (t *tool) run(ctx context.Context, dir string, args ...string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, t.opt.Timeout)
	defer cancel()
	said := new(child.Tail)
	cmd := exec.CommandContext(ctx, t.path, args...) //nolint:gosec // the user's own tool, and arguments of ours
	cmd.Dir, cmd.Env = dir, t.env
	cmd.Stdout, cmd.Stderr = said, said
	err := child.Run(cmd)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, &ToolError{Text: fmt.Sprintf("%q was still running when its time was up", t.path), Hint: "--timeout gives it more time", Output: said.Lines()}
	case ctx.Err() != nil:
		return nil, &ToolError{Text: fmt.Sprintf("%q was interrupted", t.path)}
	case err != nil:
		e := &ToolError{Text: fmt.Sprintf("%q makes no lock: %v", t.name+" "+args[0], err), Output: said.Lines(), Hint: "its last words are above"}
		if !t.opt.AllowBuildUnsafe && strings.Contains(strings.Join(e.Output, " "), "build") {
			e.Hint = "--allow-build lets it build source distributions, which runs their code"
		}
		return nil, e
	}
	return said.Lines(), nil
}

// lock runs the tool on the copy in dir and returns the lock that it wrote.
func (t *tool) lock(ctx context.Context, p *Project, opt Options, dir string) ([]byte, error) {
	var args []string
	switch {
	case t.name == "poetry":
		args = t.poetry(opt)
	case t.name == "pip-tools":
		args = t.pipCompile(p, opt)
	case p.Form == manifest.UVLock:
		args = t.uvLock(opt)
	default:
		args = t.uvCompile(p, opt)
	}
	if _, err := t.run(ctx, dir, args...); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(p.Lock))) //nolint:gosec // a file in our folder
	if err != nil {
		return nil, &ToolError{Text: fmt.Sprintf("%s %s wrote no %q", t.name, t.version, p.Lock)}
	}
	defer func() { _ = f.Close() }() // it was only read
	return bounded.ReadAll(f, 4*maxFile)
}

func (t *tool) uvLock(opt Options) []string {
	args := []string{"lock"}
	if opt.Upgrade {
		args = append(args, "--upgrade")
	}
	for _, name := range opt.Packages {
		args = append(args, "--upgrade-package", name)
	}
	return t.builds(args, "--no-build")
}

func (t *tool) builds(args []string, no ...string) []string {
	if t.opt.AllowBuildUnsafe {
		return args
	}
	return append(args, no...)
}

func (t *tool) uvCompile(p *Project, opt Options) []string {
	args := []string{"pip", "compile", p.Input, "--output-file", p.Lock}
	if p.Form == manifest.PyLock {
		args = append(args, "--format", "pylock.toml")
	} else {
		args = append(args, "--generate-hashes", "--emit-index-annotation", "--emit-index-url")
	}
	if opt.Universal {
		args = append(args, "--universal")
	}
	if opt.Python != "" {
		args = append(args, "--python-version", opt.Python)
	}
	if opt.Upgrade {
		args = append(args, "--upgrade")
	}
	for _, name := range opt.Packages {
		args = append(args, "--upgrade-package", name)
	}
	return t.builds(args, "--no-build")
}

func (t *tool) pipCompile(p *Project, opt Options) []string {
	args := []string{p.Input, "--output-file", p.Lock, "--generate-hashes", "--allow-unsafe", "--strip-extras", "--quiet"}
	if opt.Upgrade {
		args = append(args, "--upgrade")
	}
	for _, name := range opt.Packages {
		args = append(args, "--upgrade-package", name)
	}
	return t.builds(args, "--pip-args", "--only-binary :all:") // which it writes into the lock, too
}

func (t *tool) poetry(opt Options) []string {
	args := []string{"lock", "--no-interaction", "--no-ansi"}
	if opt.Upgrade {
		args = append(args, "--regenerate")
	}
	return args
}
