package manifest

import (
	"path"
	"slices"
	"strings"
	"sync"
)

// maxScripts is how deep sh -c "sh -c …" is followed.
const maxScripts = 4

// script reads every command of a shell script.
func (d *dockerfile) script(s *script, vars *variables, depth int) {
	sh := &shell{script: s, vars: vars, room: &d.room}
	sh.emit = func(c command) { d.command(c, vars, depth) }
	sh.run()
}

// command looks through what stands before a program, and reads those that install.
func (d *dockerfile) command(c command, vars *variables, depth int) {
	if d.r.full() {
		return
	}
	d.before = nil
	w := d.assigned(c.words, vars)
	for len(w) > 0 {
		n := prefix(w)
		if n == 0 {
			break
		}
		if path.Base(w[0].text) == "uv" {
			d.within(func() { d.with(w[2:min(n, len(w))]) })
		}
		into := &variables{outer: vars}
		if w[0].text == "export" {
			into = vars
		}
		w = d.assigned(w[min(n, len(w)):], into)
	}
	if len(w) == 0 {
		return
	}
	c.words = w
	program := path.Base(w[0].text)
	switch {
	case isShell(program):
		d.inner(w, vars, depth)
	case numbered(program, "pip"):
		d.pip(c, w[1:])
	case moduleOf(w) == "pip":
		d.pip(c, w[moduleAt(w)+1:])
	case program == "uv":
		d.uvCommand(c, w[1:])
	case program == "conda", program == "mamba", program == "micromamba":
		d.conda(w[1:])
	case program == "xargs" && len(w) > 2 && slices.ContainsFunc(w, func(x word) bool { return x.text == "install" }):
		d.r.problem(w[0].line, "undetermined: what xargs adds to %q", w[1].text+" "+w[2].text)
	case installs(program, w[1:]):
		d.r.problem(w[0].line, "what %q installs is not read", program+" "+w[1].text)
	case w[0].unknown != "" && len(w) > 1 && w[1].text == "install":
		d.r.problem(w[0].line, "undetermined: the program %q", w[0].text)
		d.pip(c, w[1:])
	}
}

// within reads a command that installs, with what was assigned for it alone.
func (d *dockerfile) within(read func()) {
	d.r.within(func() {
		for _, set := range d.before {
			set()
		}
		read()
	})
}

// installs reports other programs that install packages of Python by name.
func installs(program string, args []word) bool {
	if len(args) == 0 {
		return false
	}
	switch program {
	case "easy_install":
		return true
	case "uvx":
		return !strings.HasPrefix(args[0].text, "-")
	case "pipx", "pipenv":
		return args[0].text == "install" && len(args) > 1 && !strings.HasPrefix(args[1].text, "-")
	case "poetry", "pdm", "hatch", "pixi", "rye":
		return args[0].text == "add"
	}
	return false
}

// assigned takes NAME=value off the front. Where nothing follows, the shell keeps
// the values.
func (d *dockerfile) assigned(w []word, vars *variables) []word {
	for len(w) > 0 {
		n := nameEnd(w[0].text)
		if n == 0 || n >= len(w[0].text) || w[0].text[n] != '=' {
			break
		}
		name, v := w[0].text[:n], w[0].with(w[0].text[n+1:])
		if len(w) == 1 {
			vars.set(name, variable{v.text, v.unknown == ""})
			d.setting(name, v)
		} else {
			d.before = append(d.before, func() { d.setting(name, v) })
		}
		w = w[1:]
	}
	return w
}

// prefix is how many words stand before the program: sudo -E, then, conda run -n x.
func prefix(w []word) int {
	switch name := path.Base(w[0].text); name {
	case "gosu", "su-exec":
		return 2
	case "sudo", "timeout", "exec", "env", "time", "nohup", "command", "export", "nice", "then", "else", "elif", "do", "if", "while", "until", "!", "{", "set":
		n := 1
		for n < len(w) && strings.HasPrefix(w[n].text, "-") {
			if name == "sudo" && len(w[n].text) == 2 && strings.Contains("ughpC", w[n].text[1:]) || w[n].text == "-n" {
				n++ // its value
			}
			n++
		}
		if name == "timeout" {
			n++
		}
		return n
	case "conda", "mamba", "micromamba", "uv", "poetry", "pdm", "hatch", "pipenv":
		if len(w) < 2 || w[1].text != "run" {
			return 0
		}
		n := 2
		for n < len(w) && strings.HasPrefix(w[n].text, "-") {
			switch w[n].text {
			case "-n", "--name", "-p", "--prefix", "--python", "--with", "-w", "--with-requirements", "--with-editable", "--env-file", "--index-url", "--index", "--default-index", "--extra-index-url", "--project", "--directory", "--group", "--extra":
				n++
			}
			n++
		}
		return n
	}
	return 0
}

func isShell(name string) bool {
	switch path.Base(name) {
	case "sh", "bash", "dash", "ash", "zsh", "ksh", "su":
		return true
	}
	return false
}

// with reads what uv run installs beside the project.
func (d *dockerfile) with(args []word) {
	for i := 0; i < len(args); i++ {
		name, v, has := cutOption(args[i].text)
		if name != "--with" && name != "-w" && name != "--with-requirements" {
			continue
		}
		value := args[i].with(v)
		if !has {
			if i++; i >= len(args) {
				return
			}
			value = args[i]
		}
		if name == "--with-requirements" {
			d.included(value, false)
			continue
		}
		for one := range strings.SplitSeq(value.text, ",") {
			d.requirement(value.with(strings.TrimSpace(one)))
		}
	}
}

// numbered reports pip, pip3 and pip3.12.
func numbered(program, name string) bool {
	rest, ok := strings.CutPrefix(program, name)
	return ok && strings.Trim(rest, "0123456789.") == ""
}

// moduleAt is the place of the name after -m, or 0.
func moduleAt(w []word) int {
	for i := 1; i+1 < len(w) && i < 8; i++ {
		if w[i].text == "-m" {
			return i + 1
		}
		if !strings.HasPrefix(w[i].text, "-") && !strings.HasPrefix(w[i-1].text, "-") {
			return 0
		}
	}
	return 0
}

func moduleOf(w []word) string {
	if i := moduleAt(w); i > 0 && (numbered(path.Base(w[0].text), "python") || numbered(path.Base(w[0].text), "pypy") || w[0].unknown != "") {
		return w[i].text
	}
	return ""
}

// inner reads sh -c "…".
func (d *dockerfile) inner(w []word, vars *variables, depth int) {
	for i := 1; i+1 < len(w); i++ {
		if s := w[i].text; strings.HasPrefix(s, "-") && !strings.HasPrefix(s, "--") && strings.HasSuffix(s, "c") {
			if depth >= maxScripts {
				d.r.problem(w[i].line, "shells within shells are not followed any deeper")
				return
			}
			inner := &script{text: w[i+1].text, starts: []int{0}, lines: []int{w[i+1].line}}
			d.script(inner, vars, depth+1)
			return
		}
	}
}

// valuedOptions are options of pip install, uv pip install and uv add that take a
// value and say nothing of packages.
var valuedOptions = words(`
	-t --target --prefix --root --platform --python-version --implementation --abi --cache-dir --timeout
	--default-timeout --retries --proxy --cert --client-cert --log --src --progress-bar --report
	--upgrade-strategy --no-binary --only-binary --exists-action --use-feature --use-deprecated
	--keyring-provider --root-user-action --python -p --torch-backend --exclude-newer --link-mode --resolution
	--prerelease --upgrade-package -P --reinstall-package --refresh-package --no-build-isolation-package
	--python-platform --config-file --config-settings -C --config-setting --global-option --install-option
	--fork-strategy --index-strategy --only-final --all-releases -d --dest --dest-dir --wheel-dir -w --build -b
	--extra --group --optional --project --directory --package --color --build-option --bounds --marker --tag
	--branch --rev --env-file --uploaded-prior-to --override --overrides --build-constraint --build-constraints
	--resume-retries`)

// flagOptions are those that take none.
var flagOptions = words(`
	--upgrade -U --no-cache-dir --no-cache --no-deps --user --pre --quiet -q -qq -qqq --verbose -v -vv -vvv
	--force-reinstall --ignore-installed -I --no-build-isolation --system --compile-bytecode
	--break-system-packages --yes -y --no-compile --compile --prefer-binary --require-hashes
	--disable-pip-version-check --no-input --isolated --no-warn-script-location --no-warn-conflicts --no-color
	--use-pep517 --no-use-pep517 --check-build-dependencies --dry-run --no-index --ignore-requires-python
	--no-clean --require-virtualenv --debug --no-python-version-warning --reinstall --refresh --strict --exact
	--no-sources --offline --no-progress --native-tls --no-config --no-verify-hashes --verify-hashes --dev
	--frozen --locked --no-sync --active --raw-sources --editable-mode --inexact --all-extras --no-build
	--use-wheel --no-use-wheel --no-strict -n --preview --workspace --script --raw --all-groups --only-deps`)

// words gives a set that is made when it is first asked for.
func words(list string) func() map[string]bool {
	return sync.OnceValue(func() map[string]bool {
		out := make(map[string]bool)
		for w := range strings.FieldsSeq(list) {
			out[w] = true
		}
		return out
	})
}

func valued(name string) bool { return valuedOptions()[name] }

func isFlag(name string) bool { return flagOptions()[name] }

// pip reads the arguments of pip.
func (d *dockerfile) pip(c command, args []word) {
	for len(args) > 0 && strings.HasPrefix(args[0].text, "-") { // before the command
		n := 1
		if name, _, has := strings.Cut(args[0].text, "="); !has && valued(name) {
			n = 2
		}
		args = args[min(n, len(args)):]
	}
	if len(args) == 0 {
		return
	}
	switch args[0].text {
	case "install", "download", "wheel", "sync":
		d.within(func() { d.arguments(c, args[1:], args[0].text == "sync") })
	case "config":
		d.pipConfig(args[1:])
	}
}

// pipConfig reads pip config set global.index-url …
func (d *dockerfile) pipConfig(args []word) {
	var w []word
	for _, a := range args {
		if !strings.HasPrefix(a.text, "-") {
			w = append(w, a)
		}
	}
	if len(w) != 3 || w[0].text != "set" {
		return
	}
	_, key, _ := strings.Cut(w[1].text, ".")
	d.setting("PIP_"+strings.ToUpper(strings.ReplaceAll(key, "-", "_")), w[2])
}

func (d *dockerfile) uvCommand(c command, args []word) {
	switch {
	case len(args) > 1 && args[0].text == "pip":
		d.pip(c, args[1:])
	case len(args) > 1 && args[0].text == "add":
		d.within(func() { d.arguments(c, args[1:], false) })
	case len(args) > 2 && args[0].text == "tool" && args[1].text == "install":
		d.within(func() { d.arguments(c, args[2:], false) })
	}
}

// arguments reads what is installed, and from where.
func (d *dockerfile) arguments(c command, args []word, files bool) {
	if c.into != "" {
		d.r.problem(c.words[0].line, "the shell takes %q after %q for a file, so the version is not seen", c.into, c.after)
	}
	for i := 0; i < len(args); i++ {
		a := args[i]
		if !strings.HasPrefix(a.text, "-") || a.text == "-" {
			if files {
				d.included(a, false)
			} else {
				d.requirement(a)
			}
			continue
		}
		name, v, has := cutOption(a.text)
		if isFlag(name) && !has {
			d.flag(name, a.line)
			continue
		}
		value := a.with(v)
		if !has && (valued(name) || d.takes(name)) {
			if i++; i >= len(args) {
				d.r.problem(a.line, "%s has no value", name)
				return
			}
			value = args[i]
		}
		d.option(name, value, a)
	}
}

// cutOption splits --name=value and -xvalue.
func cutOption(s string) (name, v string, has bool) {
	if strings.HasPrefix(s, "--") {
		return strings.Cut(s, "=")
	}
	if len(s) > 2 && !isFlag(s) && strings.IndexByte("rcifetpC", s[1]) >= 0 {
		return s[:2], s[2:], true
	}
	return s, "", false
}

// takes reports an option with a value that says something of packages.
func (d *dockerfile) takes(name string) bool {
	switch name {
	case "-r", "--requirement", "--requirements", "-c", "--constraint", "--constraints", "-i", "--index-url", "--pypi-url", "--default-index",
		"--extra-index-url", "--index", "-f", "--find-links", "-e", "--editable", "--trusted-host", "--allow-insecure-host", "--hash":
		return true
	}
	return false
}

func (d *dockerfile) flag(name string, line int) {
	switch name {
	case "--no-index":
		d.r.index(Index{Role: NoIndex, Line: line})
	case "--require-hashes":
		d.r.file.RequireHashes = true
	}
}

func (d *dockerfile) option(name string, v, at word) {
	switch name {
	case "-r", "--requirement", "--requirements":
		d.included(v, false)
	case "-c", "--constraint", "--constraints":
		d.included(v, true)
	case "-i", "--index-url", "--pypi-url", "--default-index":
		d.index(Primary, v)
	case "--extra-index-url", "--index":
		for one := range strings.FieldsSeq(v.text) {
			d.index(Extra, v.with(one))
		}
	case "-f", "--find-links":
		d.index(FindLinks, v)
	case "--trusted-host", "--allow-insecure-host":
		d.r.index(Index{URL: v.text, Role: Trusted, Line: v.line})
	case "-e", "--editable":
		d.r.editable(v.text, Package{Line: v.line, Column: 1, Direct: true})
	case "--index-strategy":
		if v.text == string(BestMatch) {
			d.r.index(Index{Role: BestMatch, Line: v.line})
		}
	default:
		if !valued(name) && !isFlag(name) {
			d.r.problem(at.line, "the option %s is not one that is known; the word after it may be its value", name)
		}
	}
}

// requirement reads a word that names a package. Of one with a variable that is
// not known, the name may be.
func (d *dockerfile) requirement(w word) {
	p := Package{Line: w.line, Column: 1, Direct: true}
	if w.unknown == "" {
		d.r.requirement(w.text, p)
		return
	}
	d.r.problem(w.line, "undetermined: the value of %q in %q", w.unknown, w.text)
	before, _, _ := strings.Cut(w.text, w.unknown)
	end := strings.IndexAny(before, "=<>!~[@ ")
	if end <= 0 || hasSchemeOrVCS(before) || looksLocal(before) {
		return
	}
	d.r.named(&p, strings.TrimSpace(before[:end]))
	p.Specifier = strings.TrimSpace(w.text[len(before[:end]):])
	d.r.add(p)
}

// conda reads conda install, conda create and conda env create.
func (d *dockerfile) conda(args []word) {
	if len(args) > 1 && args[0].text == "env" {
		args = args[1:]
	}
	if len(args) == 0 {
		return
	}
	switch args[0].text {
	case "install", "create", "update":
		d.within(func() { d.condaArguments(args) })
	}
}

func (d *dockerfile) condaArguments(args []word) {
	for i := 1; i < len(args); i++ {
		a := args[i]
		if !strings.HasPrefix(a.text, "-") {
			d.condaSpec(a)
			continue
		}
		name, v, has := strings.Cut(a.text, "=")
		value := a.with(v)
		switch name {
		case "-c", "--channel", "-n", "--name", "-p", "--prefix", "-f", "--file", "--solver", "--platform", "--subdir", "-r", "--root-prefix":
			if !has {
				if i++; i >= len(args) {
					return
				}
				value = args[i]
			}
		}
		switch name {
		case "-c", "--channel":
			d.r.channel(value.text, value.line)
		case "-f", "--file":
			d.included(value, false)
		}
	}
}

func (d *dockerfile) condaSpec(w word) {
	if w.unknown != "" {
		d.r.problem(w.line, "undetermined: the value of %q in %q", w.unknown, w.text)
		w.text, _, _ = strings.Cut(w.text, w.unknown)
		w.text = strings.TrimRight(w.text, "=<>")
	}
	if w.text != "" {
		d.r.matchSpec(w.text, Package{Line: w.line, Column: 1, Direct: true})
	}
}
