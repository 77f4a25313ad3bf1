package optest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/andiron-dev/andiron/internal/child"
	"github.com/andiron-dev/andiron/internal/opbuild"
	"github.com/andiron-dev/andiron/internal/opreport"
)

// deviceTools are the tools of compute-sanitizer.
var deviceTools = []string{"memcheck", "initcheck", "racecheck", "synccheck"}

const (
	mostStarts   = 12 // processes of one tool for one list of calls
	mostLost     = 2
	mostPrinted  = 20_000 // reports of one process
	mostShown    = 24     // findings of one tool that are made smaller
	mostLeaks    = 8
	leakCalls    = 10
	mostResult   = 64 << 20
	mostHelp     = 256 << 10
	startSeconds = 90 // for torch and CUDA, which start slowly under a tool
)

// watch has compute-sanitizer look at calls that came back, or broke what runs on the
// GPU. Many calls are made in one process: its start takes longer than all of them.
func (r *run) watch(ctx context.Context, path string) error {
	calls := r.watchedCalls(r.watched)
	// Only memcheck ends a kernel before it does what breaks all that follows.
	broken := append(r.watchedCalls(r.broken), calls...)
	if len(broken) == 0 {
		r.pass("compute-sanitizer", "", "no call came back on the GPU that it could look at")
		return nil
	}
	r.say("compute-sanitizer", 0, len(deviceTools))
	help := r.helpOf(ctx, path)
	w := make([]*watcher, len(deviceTools))
	all, own := errgroup.WithContext(ctx)
	for i, tool := range deviceTools {
		w[i] = &watcher{r: r, path: path, help: help, tool: tool, end: time.Now().Add(r.share(OnGPU) + startSeconds*time.Second), reports: map[string]*spotted{}, lost: map[int]int{}}
		mine := calls
		if tool == "memcheck" {
			mine = broken
		}
		all.Go(func() error { return w[i].all(own, mine) })
	}
	if err := all.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return r.takeWatched(ctx, w)
}

// call is one that a tool looks at.
type call struct {
	Op      int     `json:"op"`
	Case    rawCase `json:"case"`
	Smaller bool    `json:"smaller"`
}

// watchedCalls are the calls of all operators: the first of each, then the second.
func (r *run) watchedCalls(from map[string][]rawCase) (list []call) {
	for n := 0; ; n++ {
		before := len(list)
		for i := range r.operators {
			if of := from[r.operators[i].full()]; n < len(of) {
				list = append(list, call{Op: i, Case: of[n]})
			}
		}
		if len(list) == before {
			return list
		}
	}
}

// helpOf is what the tool says of its options, of which older ones have fewer.
func (r *run) helpOf(ctx context.Context, path string) string {
	out := child.Head{Most: mostHelp}
	cmd := exec.CommandContext(ctx, path, "--help")
	cmd.Stdout = &out
	_ = child.Run(cmd) // without it no option that may be missing is used
	return string(out.Bytes())
}

// watcher is one tool, and what it says.
type watcher struct {
	r          *run
	path, help string
	tool       string
	end        time.Time
	runs       int
	made       int // calls
	reports    map[string]*spotted
	leaks      []*spotted
	order      []string
	lost       map[int]int // operators, and how often a call of theirs was the last of a process
	incomplete string
}

// spotted is what a tool said of calls of one operator at one place.
type spotted struct {
	report opreport.DeviceReport
	where  opreport.Frame
	op     int
	first  rawCase
	small  rawCase
	last   rawCase
	times  int  // calls
	tried  bool // again
	sure   bool // it came again
}

// all makes the calls, and then those that showed something again, and simpler ones.
func (w *watcher) all(ctx context.Context, calls []call) error {
	if err := w.several(ctx, calls, false); err != nil {
		return err
	}
	var again []call
	for _, key := range w.order[:min(len(w.order), mostShown)] {
		s := w.reports[key]
		again = append(again, call{Op: s.op, Case: s.first, Smaller: true})
	}
	if len(again) == 0 || w.incomplete != "" {
		return ctx.Err()
	}
	return w.several(ctx, again, true)
}

// several makes calls in as many processes as it takes.
func (w *watcher) several(ctx context.Context, calls []call, smaller bool) error {
	for first, n := 0, 0; first < len(calls); n++ {
		if n >= mostStarts || time.Now().After(w.end) {
			if !smaller {
				w.incomplete = fmt.Sprintf("compute-sanitizer %s looked at %d of %d calls only, in %s", w.tool, first, len(calls), count(n, "process", "processes"))
			}
			return nil
		}
		done, trouble, err := w.once(ctx, calls, first, smaller, 1, map[bool]string{false: "full", true: "no"}[smaller], w.spot(calls, smaller))
		switch {
		case err != nil:
			return err
		case trouble != "" && smaller:
			return nil // what was found stands as it is
		case trouble != "":
			w.incomplete = fmt.Sprintf("compute-sanitizer %s gave no answer: %s", w.tool, trouble)
			return nil
		}
		if smaller {
			for _, key := range w.order[first:done] {
				w.reports[key].tried = true
			}
		}
		first = done
		if !smaller {
			calls = w.without(calls, first)
		}
	}
	return nil
}

// without leaves out what is left to be made of operators that ended a process twice.
func (w *watcher) without(calls []call, first int) []call {
	return append(slices.Clone(calls[:first]), slices.DeleteFunc(slices.Clone(calls[first:]), func(c call) bool { return w.lost[c.Op] >= mostLost })...)
}

// spot keeps a report, by operator, kind and place.
func (w *watcher) spot(calls []call, smaller bool) func(opreport.DeviceReport, made) {
	return func(d opreport.DeviceReport, m made) {
		where, ours := w.place(&d)
		switch {
		case !ours,
			d.Kind == "leak" && !w.r.own(&d),
			// What follows from a kernel that broke, or is raised, is no second finding.
			d.Kind == "cuda-error" && (!w.r.own(&d) || m.status != "valid" || broken.MatchString(d.Detail)):
			return
		}
		op := calls[m.entry].Op
		key := fmt.Sprintf("%d %s %s %s:%d", op, d.Kind, d.Detail, where.File, where.Line)
		s := w.reports[key]
		switch {
		case d.Kind == "leak":
			w.leaked(op, m, d, where)
		case s == nil && smaller:
		case s == nil:
			w.reports[key] = &spotted{report: d, where: where, op: op, first: m.text, small: m.text, last: m.text, times: 1}
			w.order = append(w.order, key)
		case smaller:
			s.sure = s.sure || bytes.Equal(m.text, s.first)
			if len(m.text) < len(s.small) {
				s.small, s.report = m.text, d
			}
		case !bytes.Equal(m.text, s.last): // each thread of a kernel may have one
			s.last = m.text
			s.times++
		}
	}
}

// leaked keeps memory that a call took, and that nobody gave back until the end. It may
// be kept once for all calls, or by each.
func (w *watcher) leaked(op int, m made, d opreport.DeviceReport, where opreport.Frame) {
	if !slices.ContainsFunc(w.leaks, func(s *spotted) bool { return s.op == op && s.where == where }) {
		w.leaks = append(w.leaks, &spotted{report: d, where: where, op: op, first: m.text})
	}
}

// place says where in the project a report belongs, and whether it belongs there: to a
// kernel of the project, or to what the project launched or called.
func (w *watcher) place(d *opreport.DeviceReport) (opreport.Frame, bool) {
	b := w.r.plain
	b.Variant = opbuild.Variant(w.tool)
	if f, ok := d.Place(w.r.source(b)); ok {
		return f, true
	}
	return opreport.Frame{}, w.r.own(d)
}

// source accepts files of the project, by their names alone where a tool says no more.
func (r *run) source(b opbuild.Built) func(string) (string, bool) {
	known := r.known(b)
	return func(file string) (string, bool) {
		if filepath.IsAbs(file) || file == "" {
			return known(file)
		}
		var found string
		for _, s := range r.Project.Sources {
			if s == file || strings.HasSuffix(s, "/"+file) {
				if found != "" {
					return "", false
				}
				found = s
			}
		}
		return found, found != ""
	}
}

// made is a call that was made, as the runner says it.
type made struct {
	entry  int
	text   rawCase
	status string
	log    int64
}

// broken are errors of CUDA that come of a kernel, or of a GPU that has no room.
var broken = regexp.MustCompile(`launch failure|illegal|address space|misaligned|device-side|out of memory|uncorrectable`)

// once runs one process on the calls from the first. It says which call is the next,
// and what went wrong.
func (w *watcher) once(ctx context.Context, calls []call, first int, smaller bool, times int, leaks string, each func(opreport.DeviceReport, made)) (next int, trouble string, err error) {
	w.runs++
	name := fmt.Sprintf("%s-%d", w.tool, w.runs)
	p := &plan{
		Task: "watched", Operators: w.r.operators, Dir: w.r.plain.Dir, Result: filepath.Join(w.r.Work, name+".made"), Log: filepath.Join(w.r.Work, name+".log"),
		Calls: calls, First: first, Smaller: smaller, Times: times, Seconds: time.Until(w.end).Seconds(),
	}
	b := w.r.plain
	b.Launch = append(slices.Clone(b.Launch), w.words(p.Log, leaks)...)
	own, cancel := context.WithDeadline(ctx, w.end.Add(startSeconds*time.Second))
	defer cancel()
	said, ended := w.r.python(own, b, name, p, []string{"ANDIRON_STEADY=1", "PYTHONHASHSEED=0", "PYTORCH_NO_CUDA_MEMORY_CACHING=1"}, nil)
	if ctx.Err() != nil {
		return 0, "", ctx.Err()
	}
	list, next, readErr := readMade(p.Result, calls, first)
	log, logErr := w.read(p.Log, list, each)
	if n := len(list); n > 0 && list[n-1].status == "lost" {
		w.lost[calls[list[n-1].entry].Op]++
	}
	if !smaller {
		w.made += len(list)
	}
	switch {
	case readErr != nil || len(list) == 0:
		return 0, cmp.Or(log.Trouble, "the calls were not begun"+lastOf(said.Lines())), nil
	case logErr != nil:
		return 0, logErr.Error(), nil
	case !log.Begun || log.Trouble != "" && !log.Ended:
		return 0, cmp.Or(log.Trouble, "its log says nothing"), nil
	case !smaller && log.Unsaid > 0:
		w.incomplete = fmt.Sprintf("compute-sanitizer %s counted %d reports that it did not print", w.tool, log.Unsaid)
	case ended != nil && next <= first:
		return 0, fmt.Sprintf("%v%s", ended, lastOf(said.Lines())), nil
	}
	return next, "", nil
}

// words start the tool. Memory errors end the kernel alone where that can be asked for,
// and the next call is made by the same process.
func (w *watcher) words(log, leaks string) []string {
	list := []string{w.path, "--tool", w.tool, "--log-file", log, "--print-limit", strconv.Itoa(mostPrinted)}
	add := func(option, value string) {
		if strings.Contains(w.help, option+" ") {
			list = append(list, option, value)
		}
	}
	add("--strip-paths", "no")
	if w.tool != "synccheck" { // which was seen to find a barrier that is wrong without it, and never with it
		add("--destroy-on-device-error", "kernel")
	}
	add("--launch-timeout", "120")
	switch w.tool {
	case "memcheck":
		add("--padding", "64")
		add("--leak-check", leaks)
		add("--report-api-errors", "explicit")
	case "initcheck":
		add("--check-api-memory-access", "no")
	case "racecheck":
		add("--racecheck-report", "analysis")
	}
	return list
}

// read reads the log of a process, each report with the call that it belongs to.
func (w *watcher) read(name string, list []made, each func(opreport.DeviceReport, made)) (opreport.DeviceLog, error) {
	f, err := os.Open(name) //nolint:gosec // in the private folder
	if errors.Is(err, os.ErrNotExist) {
		return opreport.DeviceLog{}, nil
	}
	if err != nil {
		return opreport.DeviceLog{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return opreport.ReadDevice(f, func(d opreport.DeviceReport) error {
		n := d.Call
		if n < 0 { // the log had grown to so many bytes behind each call
			n = slices.IndexFunc(list, func(m made) bool { return m.log > d.Offset })
		}
		if n >= 0 && n < len(list) {
			each(d, list[n])
		}
		return nil
	})
}

// readMade reads which calls a process made, and from which the next has to go on.
func readMade(name string, calls []call, first int) (list []made, next int, err error) {
	f, err := os.Open(name) //nolint:gosec // in the private folder
	if err != nil {
		return nil, first, err
	}
	defer func() { _ = f.Close() }() // it was only read
	next = first
	lines := bufio.NewScanner(io.LimitReader(f, mostResult))
	lines.Buffer(nil, mostResult)
	for lines.Scan() {
		var l struct {
			N      int     `json:"n"`
			Entry  int     `json:"entry"`
			Case   rawCase `json:"case"`
			Status string  `json:"status"`
			Log    int64   `json:"log"`
			End    string  `json:"end"`
		}
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			break // the process ended while it wrote
		}
		switch {
		case l.End == "all":
			return list, len(calls), lines.Err()
		case l.End != "" || l.Entry < first || l.Entry >= len(calls):
		case l.Status != "":
			if l.N == len(list)-1 {
				list[l.N].log, list[l.N].status = l.Log, l.Status
			}
		case l.N == len(list):
			text := l.Case
			if len(text) == 0 || string(text) == "null" {
				text = calls[l.Entry].Case
			}
			list = append(list, made{entry: l.Entry, text: text, log: 1 << 62})
			next = l.Entry + 1
		}
	}
	return list, next, lines.Err()
}

// takeWatched makes findings of what the tools said, and scripts for them.
func (r *run) takeWatched(ctx context.Context, list []*watcher) error {
	var found []scripted
	var notes []string
	for _, w := range list {
		notes = append(notes, fmt.Sprintf("%s %d", w.tool, w.made))
		if w.incomplete != "" {
			r.result.Incomplete = append(r.result.Incomplete, w.incomplete)
		}
		for _, key := range w.order {
			s := w.reports[key]
			found = append(found, scripted{op: s.op, found: s.found(w.tool)})
		}
	}
	leaks, err := r.watchLeaks(ctx, list[0])
	if err != nil {
		return err
	}
	found = append(found, leaks...)
	if err := r.writeScripts(ctx, found); err != nil {
		return err
	}
	for _, f := range found {
		op := r.byName[r.operators[f.op].full()]
		op.Found = merge(op.Found, f.found)
	}
	r.pass("compute-sanitizer", "calls looked at: "+strings.Join(notes, ", "), "")
	return nil
}

func (s *spotted) found(tool string) opreport.Found {
	f := opreport.Found{
		Kind: s.report.Kind, Key: fmt.Sprintf("%s %s:%d", s.report.Detail, s.where.File, s.where.Line), Detail: s.report.Detail, Output: s.report.Output,
		Times: s.times, Calls: 1, Unsteady: s.tried && !s.sure, Build: tool, Where: s.where, Case: s.small,
	}
	if !s.sure {
		f.Case = s.first
	}
	return f
}

// scripted is a finding that a script is written for.
type scripted struct {
	op    int
	found opreport.Found
}

// watchLeaks makes calls again that took memory and never gave it back, several times
// each: what every call keeps is a leak.
func (r *run) watchLeaks(ctx context.Context, w *watcher) (list []scripted, err error) {
	for _, s := range w.leaks[:min(len(w.leaks), mostLeaks)] {
		n := 0
		w.end = time.Now().Add(startSeconds * time.Second)
		_, trouble, err := w.once(ctx, []call{{Op: s.op, Case: s.first}}, 0, true, leakCalls, "full", func(d opreport.DeviceReport, _ made) {
			if where, _ := w.place(&d); d.Kind == "leak" && where == s.where && r.own(&d) {
				n++
			}
		})
		if err != nil {
			return nil, err
		}
		if trouble != "" {
			r.result.Incomplete = append(r.result.Incomplete, fmt.Sprintf("compute-sanitizer %s gave no answer about a leak: %s", w.tool, trouble))
		} else if n >= leakCalls {
			s.sure, s.times, s.small = true, 1, s.first
			f := s.found(w.tool)
			list = append(list, scripted{op: s.op, found: f})
		}
	}
	return list, nil
}

// own reports whether it was the project itself that launched a kernel or asked for memory.
func (r *run) own(d *opreport.DeviceReport) bool {
	caller := d.Caller()
	return slices.ContainsFunc(r.plain.Libraries, func(l string) bool { return filepath.Base(l) == caller })
}

// writeScripts has the runner write a script for each finding.
func (r *run) writeScripts(ctx context.Context, list []scripted) error {
	if len(list) == 0 {
		return nil
	}
	p := &plan{Task: "scripts", Operators: r.operators, Dir: r.plain.Dir, Result: filepath.Join(r.Work, "scripts.json")}
	for _, s := range list {
		p.Found = append(p.Found, toldFinding{Op: s.op, Kind: s.found.Kind, Title: s.found.Detail, Detail: s.found.Detail, Case: s.found.Case, Tool: s.found.Build})
	}
	_, ended := r.python(ctx, r.plain, "scripts", p, nil, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var got struct {
		Scripts []struct{ Name, Text string } `json:"scripts"`
	}
	if err := answer(p.Result, &got); err != nil || ended != nil || len(got.Scripts) != len(list) {
		return fmt.Errorf("%w: it wrote no scripts", errRunner)
	}
	for i := range list {
		list[i].found.Script, list[i].found.Text = got.Scripts[i].Name, got.Scripts[i].Text
	}
	return nil
}
