package opreport

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// DeviceReport is one report of compute-sanitizer.
type DeviceReport struct {
	Kind   string // as that of Found
	Detail string // what happened, the same for all threads of a kernel
	Call   int    // the number in the name of a Python function that made the call; -1 where none is said
	Offset int64  // of the report in the log
	Device []Frame
	Host   []HostFrame
	Output string
}

// HostFrame is one of the calls that led to a launch, the innermost first.
type HostFrame struct {
	Frame
	Library string
}

// DeviceLog is what a log says besides its reports.
type DeviceLog struct {
	Begun   bool // the program was watched
	Ended   bool // the summary at the end is there
	Unsaid  int  // reports that were counted and not printed
	Trouble string
}

const (
	deviceLine   = 64 << 10
	deviceFrames = 64
	deviceOutput = 24 // lines of a report that are kept
	devicePrefix = "========="
)

// ReadDevice reads the log of compute-sanitizer of CUDA 11.4 to 13: its text, in which a
// report begins with a line of one space and goes on in lines with more. What is not of
// the tool is passed over.
func ReadDevice(r io.Reader, each func(DeviceReport) error) (DeviceLog, error) {
	p := deviceParser{each: each}
	lines := bufio.NewReaderSize(io.LimitReader(r, totalLimit+1), deviceLine)
	for {
		text, err := lines.ReadSlice('\n')
		at := p.offset
		p.offset += int64(len(text))
		if p.offset > totalLimit {
			return p.log, bounded.Exceeded("bytes of reports", totalLimit)
		}
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a line too long to be one
			var more []byte
			more, err = lines.ReadSlice('\n')
			p.offset += int64(len(more))
		}
		if failed := p.line(strings.ToValidUTF8(strings.TrimRight(string(text), "\r\n"), "\uFFFD"), at); failed != nil {
			return p.log, failed
		}
		if errors.Is(err, io.EOF) {
			return p.log, p.done()
		} else if err != nil {
			return p.log, err
		}
	}
}

type deviceParser struct {
	each    func(DeviceReport) error
	log     DeviceLog
	current *DeviceReport
	lines   int
	offset  int64
}

func (p *deviceParser) line(text string, at int64) error {
	rest, ok := strings.CutPrefix(text, devicePrefix)
	if !ok {
		return nil
	}
	body := strings.TrimLeft(rest, " ")
	switch indent := len(rest) - len(body); {
	case strings.TrimSpace(body) == "":
		return p.done()
	case indent <= 1:
		if err := p.done(); err != nil {
			return err
		}
		p.begin(body, at)
	case p.current != nil:
		p.more(body, indent)
	}
	return nil
}

func (p *deviceParser) done() error {
	d := p.current
	p.current = nil
	if d == nil || d.Kind == "" {
		return nil
	}
	return p.each(*d)
}

// deviceForms are the first lines of reports. $1 is the first part in brackets. A form
// without a kind is none of the program's mistakes.
var deviceForms = []struct {
	kind string
	form *regexp.Regexp
	says string
}{
	{"crash", regexp.MustCompile(`^(?:Error: )?Invalid __(\w+)__ (\w+) of size ([\d,]+)`), "a kernel makes an invalid $2 of $3 bytes in $1 memory"},
	{"poison", regexp.MustCompile(`^(?:Error: )?Uninitialized __(\w+)__ memory read of size ([\d,]+)`), "a kernel reads $2 bytes of $1 memory that nobody wrote"},
	{"race", regexp.MustCompile(`^Error: (?:Race reported between|Potential \w+ hazard detected at)`), "threads of a block access the same shared memory without a barrier between them"},
	{"barrier", regexp.MustCompile(`^(?:Error: )?Barrier error detected\. (.*?)\.?$`), "a barrier is not reached by all threads that it waits for: $1"},
	{"leak", regexp.MustCompile(`^Leaked ([\d,]+) bytes at `), "$1 bytes of the GPU's memory are never freed"},
	{"crash", regexp.MustCompile(`^(?:Error: )?Malloc/Free error encountered ?: (.*)$`), "a kernel frees memory of the device heap wrongly: $1"},
	{"cuda-error", regexp.MustCompile(`^Program hit \w+ \(error \d+\) due to "(.*)" on CUDA API call to (\w+)`), "$2 fails: $1"},
	{"", regexp.MustCompile(`^(?:Warning: |Host API |COMPUTE-SANITIZER|Target application returned)`), ""},
	{"crash", regexp.MustCompile(`^(.*)$`), "$1"}, // an exception of the hardware, by its name
}

var (
	deviceUnsaid  = regexp.MustCompile(`^ERROR SUMMARY: (\d+) errors? (?:was|were) not printed`)
	deviceSummary = regexp.MustCompile(`^(?:ERROR|RACECHECK|LEAK) SUMMARY: `)
	deviceFailed  = regexp.MustCompile(`^(?:Internal Sanitizer Error|Error: (?:Target|No |Unable|Failed|Could|process|Device|The )|Unable to |.*(?:not supported|[Uu]nsupported))`)
)

// begin takes the first line of a report, or one that stands alone.
func (p *deviceParser) begin(text string, at int64) {
	p.log.Begun = p.log.Begun || strings.HasPrefix(text, "COMPUTE-SANITIZER")
	if m := deviceUnsaid.FindStringSubmatch(text); m != nil {
		p.log.Unsaid, _ = strconv.Atoi(m[1]) // a number too large is as good as none
		return
	}
	if deviceSummary.MatchString(text) {
		p.log.Ended = true
		return
	}
	if deviceFailed.MatchString(text) {
		if p.log.Trouble == "" {
			p.log.Trouble = cutLine(text)
		}
		return
	}
	text = cutLine(text)
	kind, detail := deviceKind(text)
	p.current, p.lines = &DeviceReport{Kind: kind, Detail: detail, Call: -1, Offset: at, Output: text + "\n"}, 1
	if _, at, ok := strings.Cut(text, " access at "); ok && kind == "race" {
		p.current.Device = append(p.current.Device, deviceFrame(at))
	}
}

// deviceKind says what a report is about.
func deviceKind(text string) (kind, detail string) {
	for _, f := range deviceForms {
		if at := f.form.FindStringSubmatchIndex(text); at != nil {
			return f.kind, string(f.form.ExpandString(nil, f.says, text, at))
		}
	}
	return "", ""
}

var (
	deviceAccess = regexp.MustCompile(`^(?:\w+ Thread \(.*?\)|and \w+ access) at (.*?)(?: \[[\d,]+ hazards?\])?$`)
	deviceCall   = regexp.MustCompile(`^andiron_call_(\d{1,9})$`)
)

// more takes a further line of a report.
func (p *deviceParser) more(text string, indent int) {
	d := p.current
	if p.lines++; p.lines <= deviceOutput {
		d.Output += strings.Repeat(" ", indent-1) + cutLine(text) + "\n"
	}
	if len(d.Device) >= deviceFrames || len(d.Host) >= 16*deviceFrames {
		return
	}
	host, isHost := strings.CutPrefix(text, "Host Frame:")
	switch {
	case isHost:
		f := hostFrame(strings.TrimSpace(host))
		d.Host = append(d.Host, f)
		if m := deviceCall.FindStringSubmatch(f.Function); m != nil {
			d.Call, _ = strconv.Atoi(m[1]) // it has nine digits at most
		}
	case strings.HasPrefix(text, "Device Frame:"):
		d.Device = append(d.Device, deviceFrame(strings.TrimSpace(strings.TrimPrefix(text, "Device Frame:"))))
	case strings.HasPrefix(text, "at "):
		d.Device = append(d.Device, deviceFrame(strings.TrimPrefix(text, "at ")))
	case strings.HasPrefix(text, "in ") && len(d.Host) > 0:
		d.Host[len(d.Host)-1].Library = strings.TrimPrefix(text, "in ") // behind a whole path there is a line of its own
	case strings.HasSuffix(text, " is misaligned"):
		d.Detail += ", at an address that is misaligned"
	default:
		if m := deviceAccess.FindStringSubmatch(text); m != nil {
			d.Device = append(d.Device, deviceFrame(m[1]))
		}
	}
}

var (
	// f(float*)+0x60 in /p/x.cu:11
	deviceNew = regexp.MustCompile(`^(.*)\+0x[0-9a-fA-F]+(?: in (.+):(\d+))?$`)
	// 0x8f0 in /p/x.cu:20:f(float*), before CUDA 12
	deviceOld = regexp.MustCompile(`^(?:0x[0-9a-fA-F]+ in )?(?:(.+?):(\d+):)?(.*)$`)
)

func deviceFrame(text string) Frame {
	if m := deviceNew.FindStringSubmatch(text); m != nil {
		return frame(m[2], m[3], "", m[1])
	}
	m := deviceOld.FindStringSubmatch(text)
	return frame(m[1], m[2], "", m[3])
}

// hostFrame reads "f(int) in /p/x.cpp:20 [0x8b73] in /p/x.so", "f in x.py:11", and
// "/p/x.so (f(int) + 0x34) [0x8b73]", the form before CUDA 11.6.
func hostFrame(text string) (f HostFrame) {
	left := text
	if i := strings.LastIndex(text, "[0x"); i >= 0 {
		left = strings.TrimSpace(text[:i])
		_, f.Library, _ = strings.Cut(text[i:], "] in ")
		if lib, function, ok := strings.Cut(left, " ("); ok && f.Library == "" && strings.HasPrefix(lib, "/") {
			f.Library = lib
			left, _, _ = strings.Cut(function, " + 0x")
		}
	}
	if i := strings.LastIndex(left, " in "); i >= 0 {
		place := left[i+len(" in "):]
		if j := strings.LastIndexByte(place, ':'); j > 0 {
			if line, err := strconv.Atoi(place[j+1:]); err == nil && line > 0 {
				f.File, f.Line, left = place[:j], line, left[:i]
			}
		}
	}
	f.Function = strings.TrimSpace(left)
	return f
}

// Place is the first place of a report that is of the project: in a kernel, or else in
// what launched it. Known accepts the project's files.
func (d *DeviceReport) Place(known func(file string) (string, bool)) (Frame, bool) {
	frames := slices.Clone(d.Device)
	for _, h := range d.Host {
		frames = append(frames, h.Frame)
	}
	for _, f := range frames {
		if name, ok := known(f.File); ok && f.File != "" && f.Line > 0 {
			f.File = name
			return f, true
		}
	}
	return Frame{}, false
}

// behind are the libraries of CUDA, which stand between a call and who makes it.
var behind = []string{"libcuda.so", "libcudart.so", "libcudadevrt", "libsanitizer"}

// Caller is the library of the innermost frame that is not of CUDA itself: who asked for
// memory, or launched a kernel.
func (d *DeviceReport) Caller() string {
	for _, h := range d.Host {
		name := h.Library[strings.LastIndexByte(h.Library, '/')+1:]
		if name == "" || slices.ContainsFunc(behind, func(b string) bool { return strings.HasPrefix(name, b) }) || strings.HasPrefix(h.Function, "cuda") || strings.HasPrefix(h.Function, "cu") && !strings.Contains(h.Function, "::") {
			continue
		}
		return name
	}
	return ""
}

func cutLine(s string) string {
	if len(s) > 400 {
		s = strings.ToValidUTF8(s[:400], "") + "…"
	}
	return s
}
