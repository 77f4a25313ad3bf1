package contract

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/pickle"
)

// maxVisits is how many values the search for evidence looks at in one stream.
const maxVisits = 1 << 16

// maxLured is how many bytes of text the search matches in one stream.
const maxLured = 4 << 20

// walk visits the values below roots, each once in a stream, breadth first. It
// enters containers, and objects' arguments when deep.
func (j *judge) walk(root pickle.Value, seen map[uint32]struct{}, limit int, visit func(pickle.Value)) {
	queue := []pickle.Value{root}
	push := func(v pickle.Value) bool {
		if v.IsZero() {
			return true
		}
		if _, ok := seen[v.Key()]; ok {
			return true
		}
		if limit--; limit < 0 {
			return false
		}
		seen[v.Key()] = struct{}{}
		queue = append(queue, v)
		return true
	}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		visit(v)
		switch v.Kind() {
		case pickle.KindTuple, pickle.KindList, pickle.KindSet, pickle.KindFrozenSet:
			for item := range v.Items() {
				if !push(item) {
					return
				}
			}
		case pickle.KindDict:
			for k, item := range v.Pairs() {
				if !push(k) || !push(item) {
					return
				}
			}
		}
	}
}

// handed looks for sinks among the arguments of a call and reports them: what
// holds os.system may call it. It reports whether there was one.
func (j *judge) handed(args pickle.Value, to string, e *pickle.Event) bool {
	if !j.doubt || args.IsZero() {
		return false
	}
	found := false
	left := maxVisits - j.visits
	if left <= 0 {
		return false
	}
	j.walk(args, map[uint32]struct{}{}, min(left, 1<<14), func(v pickle.Value) {
		j.visits++
		if v.Kind() != pickle.KindGlobal && v.Kind() != pickle.KindObject {
			return
		}
		t := j.resolve(v)
		if t.sink == nil || t.instance || t.sink.cat.helper() {
			return
		}
		if t.name != nil && t.name.entry != nil && !t.name.broken {
			return
		}
		found = true
		if t.name != nil {
			t.name.blamed = true
		}
		j.explain(v)
		arg, _ := j.mainArgument(tail(e.Args(), 0))
		j.add("sink:"+t.sink.full, ruleOf(t.sink.cat), e.Offset, fmt.Sprintf("loading would %s with %s, which is handed to %s", t.sink.sentence(arg), t.sink.full, to), j.rendered(e))
	})
	if found {
		j.explain(e.Target())
		j.explain(args)
	}
	return found
}

// explain marks the helpers below a value as part of an issue that names what
// they led to.
func (j *judge) explain(v pickle.Value) {
	queue := []pickle.Value{v}
	for steps := 0; len(queue) > 0 && steps < 256 && j.steps < maxVisits; steps++ {
		j.steps++
		v := queue[0]
		queue = queue[1:]
		switch v.Kind() {
		case pickle.KindGlobal:
			if n := j.name(v, v.Offset()); n != nil && n.sink != nil {
				n.helper = true
				j.excuse(n.sink)
			}
		case pickle.KindObject:
			j.excuse(j.resolve(v).sink)
			j.excuse(j.resolve(v.Func()).sink)
			queue = append(queue, v.Func(), v.Args())
		case pickle.KindTuple, pickle.KindList:
			n := 0
			for item := range v.Items() {
				if n++; n > 64 {
					break
				}
				queue = append(queue, item)
			}
		case pickle.KindDict:
			n := 0
			for _, item := range v.Pairs() {
				if n++; n > 64 {
					break
				}
				queue = append(queue, item)
			}
		}
	}
}

// excuse drops the issue of a helper: it is part of another.
func (j *judge) excuse(s *sink) {
	if s != nil && (s.cat.helper() || s.cat == catImport) {
		j.excused[s.full] = true
	}
}

// lures lists what is suspicious below the arguments of a call that no contract
// covers: commands, code, addresses, start-up files, bytes for a loader. Data in
// plain containers is never looked at.
func (j *judge) lures(args pickle.Value) []string {
	if args.IsZero() {
		return nil
	}
	var out []string
	left := min(maxVisits-j.visits, 1<<14)
	j.walk(args, j.seen, left, func(v pickle.Value) {
		j.visits++
		if len(out) >= maxNoted {
			return
		}
		switch v.Kind() {
		case pickle.KindStr:
			if j.lured += v.Len(); v.Len() > maxFolded || j.lured > maxLured {
				return
			}
			if s, ok := v.Text(); ok {
				out = appendLure(out, s, "")
			}
		case pickle.KindBytes, pickle.KindByteArray:
			if j.lured += min(v.Len(), maxFolded); j.lured > maxLured {
				return
			}
			if b, ok := v.Bytes(); ok {
				out = appendLure(out, string(b[:min(len(b), maxFolded)]), bytesLure(b))
			}
		case pickle.KindObject:
			if isBytes(j, v) { // encode(text, "latin1") is how protocol 2 writes bytes
				if s, ok := v.Args().Index(0).Text(); ok {
					b := latin1(s[:min(len(s), maxFolded)])
					out = appendLure(out, string(b), bytesLure(b))
				}
				return
			}
			if s, ok := j.textOf(v); ok {
				out = append(out, "text put together while loading: "+quote(s))
				out = appendLure(out, s, "")
			}
		case pickle.KindTuple:
			if a := j.address(v); a != "" {
				out = append(out, "network address "+a)
			}
		}
	})
	return out
}

func appendLure(out []string, s, known string) []string {
	if known != "" {
		return append(out, known)
	}
	if why := stringLure(s); why != "" {
		return append(out, why+": "+quote(s))
	}
	return out
}

type lureForm struct {
	why  string
	form *regexp.Regexp
}

// lureForms are compiled only for a stream that calls what nobody reviewed.
var lureForms = sync.OnceValue(func() []lureForm {
	const (
		start  = "(?:^|[;&|$(`]\\s*|\\b(?:sudo|nohup|exec)\\s+)(?:/(?:usr/)?(?:local/)?s?bin/)?"
		strong = `(?:(?:ba|z|da|k|c)?sh|curl|wget|ncat|netcat|nc|python[23]?(?:\.\d+)?|perl|powershell(?:\.exe)?|pwsh|cmd(?:\.exe)?|certutil|mshta|rundll32|regsvr32|bitsadmin|chmod|chown|mkfifo|crontab|scp|ssh|nohup)\s+\S`
		weak   = `(?:ruby|php|node|rm|touch|base64|xxd|dd|kill|echo|cat|ls|cp|mv|tee|open|sleep|env|id|find|tar|sed|awk|mkdir)\s+[-/~.$"'>|]`
	)
	return []lureForm{
		{"address", regexp.MustCompile(`(?i)\b(?:https?|ftps?|wss?|ldaps?|file|gopher|smb)://[^\s"']+`)},
		{"start-up file", regexp.MustCompile(`(?i)(?:\.pth$|sitecustomize|usercustomize|\.bashrc|\.bash_profile|\.zshrc|\.profile$|\.ssh/|authorized_keys|/etc/(?:cron|passwd|shadow|sudoers|ld\.so|profile|rc\.|init|systemd)|crontab|LaunchAgents|LaunchDaemons|systemd/(?:system|user)|\\Startup|CurrentVersion\\Run|\.git/hooks|/proc/self/mem|autostart/)`)},
		{"Python code", regexp.MustCompile(`(?:__import__\s*\(|\bimport\s+(?:os|sys|subprocess|socket|pty|ctypes|builtins|importlib|base64|requests|urllib)\b|\b(?:exec|eval|compile)\s*\(|\bos\s*\.\s*(?:system|popen|exec)|subprocess\s*\.\s*\w|\bopen\s*\([^)]*,\s*['"][wax]|__(?:builtins|globals|subclasses|mro)__)`)},
		{"shell command", regexp.MustCompile(`(?i)` + start + `(?:` + strong + `|` + weak + `)`)},
		{"shell command", regexp.MustCompile(`(?:/bin/(?:ba|z|da)?sh\b|/dev/tcp/|\|\s*(?:ba|z|da)?sh\b|>\s*/(?:tmp|dev|etc|var|home|root)/|\$\(|\$\{?(?:TMPDIR|HOME|PATH|IFS)\b|^(?:whoami|reboot|shutdown|calc\.exe|xcalc)$)`)},
		{"path of a program or temporary file", regexp.MustCompile(`^(?:/(?:tmp|var/tmp|dev/shm|bin|sbin|usr/bin|usr/sbin|usr/local/bin|etc|root)/|[A-Za-z]:\\Windows\\)\S*$`)},
		{"network address", regexp.MustCompile(`^(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?$|^[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}:\d{1,5}$`)},
	}
})

// stringLure says what is suspicious about a string; "" is nothing.
func stringLure(s string) string {
	if len(s) < 2 {
		return ""
	}
	for _, l := range lureForms() {
		if l.form.MatchString(s) {
			return l.why
		}
	}
	return ""
}

// bytesLure says what bytes are that a loader or the system would run.
func bytesLure(b []byte) string {
	n := len(b)
	switch s := string(b[:min(n, 16)]); {
	case n >= 4 && b[0] == 0x80 && b[1] >= 2 && b[1] <= 5 && b[n-1] == '.':
		return fmt.Sprintf("%d bytes that are a pickle", n)
	case strings.HasPrefix(s, "\x7fELF"), strings.HasPrefix(s, "MZ\x90"), strings.HasPrefix(s, "\xcf\xfa\xed\xfe"), strings.HasPrefix(s, "\xca\xfe\xba\xbe"):
		return fmt.Sprintf("%d bytes that are a program", n)
	case n >= 16 && b[0] == 0xe3 && b[1] == 0 && b[2] == 0 && b[3] == 0:
		return fmt.Sprintf("%d bytes that are Python code objects", n)
	case n > 4 && (b[0] == 'c' || b[0] == '(') && b[n-1] == '.' && strings.Count(string(b[:min(n, 256)]), "\n") >= 2:
		return fmt.Sprintf("%d bytes that are a pickle", n)
	}
	return ""
}

var hostForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:(?:\d{1,3}\.){3}\d{1,3}|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|localhost|[0-9a-fA-F]*:[0-9a-fA-F:]+)$`)
})

// address recognises (host, port).
func (j *judge) address(v pickle.Value) string {
	if v.Len() != 2 {
		return ""
	}
	port, ok := v.Index(1).Int()
	host, isText := v.Index(0).Text()
	if !ok || !isText || port < 1 || port > 65535 || !hostForm().MatchString(host) {
		return ""
	}
	return quote(fmt.Sprintf("%s:%d", host, port))
}
