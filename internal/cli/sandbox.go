package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/internal/whole"
)

func (a *app) sandboxCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sandbox VERB",
		Short: "Load what nobody trusts with torch.load, held by the kernel",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("sandbox: no verb given", `"andiron sandbox --help" lists the verbs`)
			}
			return unknownVerb(cmd, args[0])
		},
	}
	cmd.AddCommand(a.sandboxLoadCommand(), a.sandboxPoolCommand(), a.sandboxDoctorCommand())
	return cmd
}

type sandboxFlags struct {
	output, record, pool string
	sha256               sha256Flag
	format, mode         choice
	holdFlags
}

func (a *app) sandboxLoadCommand() *cobra.Command {
	var f sandboxFlags
	cmd := &cobra.Command{
		Use:   "load IN -o OUT",
		Short: "Load a checkpoint in the sandbox, and write its tensors as safetensors",
		Long: `Load a checkpoint with the torch.load of your own Python, in a process that the
kernel holds: namespaces with nothing but Python in them, Landlock, no
capabilities, limits, and a filter of system calls that is put in force between
"import torch" and the first byte of IN. Under it a process can read IN, take
memory, and write its answer; anything else is refused and written down.

OUT is written if nothing else was tried, and if the answer is a safetensors file
that the strict reader takes. Nothing else comes out: no pickle, no object. That
nothing forbidden was observed does not make a model benign.

The record has the digests, the layers that were in force, and each system call
that was refused. Needs Linux; "andiron convert" reads the same files without
running them, everywhere.`,
		Example: `  andiron sandbox load untrusted.pt -o weights.safetensors
  andiron sandbox load untrusted.pt -o weights.safetensors --need default --record load.json
  andiron sandbox load untrusted.pt -o weights.safetensors --runsc /usr/local/bin/runsc`,
		Args: wants("IN", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := notEmpty(cmd.Flags()); err != nil {
				return err
			}
			return a.sandboxLoad(cmd.Context(), args[0], &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "write to `OUT`, whole or not at all")
	flags.Var(&f.sha256, "sha256", "refuse IN if its `DIGEST`, of 64 hexadecimal digits, is another")
	flags.StringVar(&f.record, "record", "", "write what is known of the load to `FILE`, as JSON")
	addChoice(cmd, &f.format, "format", "how to write the same to the standard output", "text", "json")
	addChoice(cmd, &f.mode, "mode", "how bytes leave the process: whether all of them are read in it, or Go takes them from the zip where torch.load says that they are; auto is reference from 32 MiB on, where that can be", "auto", "full", "reference")
	flags.StringVar(&f.pool, "pool", "", "have it loaded by the \"andiron sandbox pool\" that listens on this `SOCKET`, with its Python and policy")
	f.add(flags)
	flags.SortFlags = false
	return cmd
}

// sandboxRecord is what is known of a load: docs/spec/sandbox-v1.md.
type sandboxRecord struct {
	Schema  string            `json:"schema"`
	At      string            `json:"at"`
	Input   sandboxInput      `json:"input"`
	Output  *sandboxOutput    `json:"output"`
	Static  *staticVerdict    `json:"static"` // null if nobody looked
	Said    string            `json:"observed"`
	Error   string            `json:"error,omitempty"`
	Torch   string            `json:"torch,omitempty"`
	Python  string            `json:"python,omitempty"`
	Type    string            `json:"type,omitempty"`
	Weights bool              `json:"weights_only"`
	Mode    sandbox.Mode      `json:"mode,omitempty"`
	Layers  []sandbox.Layer   `json:"layers"`
	Missing map[string]string `json:"missing"`
	Allowed []string          `json:"imported"`
	Lacks   []string          `json:"lacks"`
	Events  []sandboxEvent    `json:"events"`
	Limits  sandboxLimits     `json:"limits"`
	Used    sandboxUsed       `json:"used"`
}

type sandboxInput struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Kept   string `json:"kept"` // verity, lease or copy
	Verity string `json:"fsverity,omitempty"`
}

type sandboxOutput struct {
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	Tensors int    `json:"tensors"`
}

type staticVerdict struct {
	Verdict  finding.Verdict   `json:"verdict"`
	Findings []finding.Finding `json:"findings"`
}

type sandboxEvent struct {
	Call string  `json:"call"`
	MS   float64 `json:"ms"`
}

type sandboxLimits struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
	Memory     int64   `json:"memory_bytes"`
	Result     int64   `json:"result_bytes"`
	Files      int     `json:"files"`
	Processes  int     `json:"processes"`
	Events     int     `json:"events"`
}

type sandboxUsed struct {
	StartMS float64 `json:"start_ms"`
	LoadMS  float64 `json:"load_ms"`
	CPUMS   float64 `json:"cpu_ms"`
	MaxRSS  int64   `json:"max_rss_bytes"`
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

func (a *app) sandboxLoad(ctx context.Context, in string, f *sandboxFlags) error {
	if f.output == "" {
		return usage("sandbox load: no OUT given", "usage: andiron sandbox load IN -o OUT")
	}
	if err := f.apart(in); err != nil {
		return err
	}
	o, allowed, err := f.options()
	if err != nil {
		return err
	}
	if f.pool != "" {
		return a.loadByPool(ctx, in, &o, f)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if info, err := os.Stat(in); err == nil {
		o.Size = info.Size()
	}
	worker := sandbox.Start(ctx, o) // it imports torch while the file is looked at
	defer worker.Close()
	input, err := sandbox.OpenInput(in)
	if err != nil {
		return cannotOpen(in, err)
	}
	defer func() { _ = input.Close() }() // it was only read
	out, err := createFile(f.output, "name a file")
	if err != nil {
		return err
	}
	defer out.Abandon()
	rec, names, err := lookFirst(ctx, in, input, string(f.sha256))
	if ctx.Err() != nil {
		return stopped(in, f.output)
	}
	if err != nil {
		if rec == nil {
			return err
		}
		rec.note(nil, err)
		return a.finishLoad(ctx, &loaded{name: in, out: out, rec: rec, failed: err}, f)
	}
	rec.Allowed = names.modules(allowed.Allows)
	result, report, failed := worker.Load(ctx, input, sandbox.Job{Mode: sandbox.Mode(f.mode.value), Imports: rec.Allowed, Warm: sandbox.Late(names.modules(nil)), Wants: func() []string { return names.modules(nil) }})
	rec.note(report, failed)
	if failed == nil {
		defer func() { _ = result.Close() }() // it was only read
	}
	return a.finishLoad(ctx, &loaded{in, out, rec, result, failed, names.in(report.Lacks)}, f)
}

// apart complains about an output that would take the place of the checkpoint, or of the
// other one.
func (f *sandboxFlags) apart(in string) error {
	for _, name := range []string{f.output, f.record} {
		if sameFile(in, name) {
			return usage(fmt.Sprintf("%q is what is being loaded", name), "name another file")
		}
	}
	if f.record != "" && (filepath.Clean(f.record) == filepath.Clean(f.output) || sameFile(f.record, f.output)) {
		return usage(fmt.Sprintf("%q is both OUT and the file of --record", f.record), "give --record another file")
	}
	return nil
}

// stopped says that somebody did not want to wait.
func stopped(in, out string) error {
	return &fault{text: fmt.Sprintf("%q: interrupted, and %q was not written", in, out)}
}

// loaded is what came of a load.
type loaded struct {
	name   string
	out    *whole.File
	rec    *sandboxRecord
	result *sandbox.Result
	failed error
	lacks  names // that it needs of modules that were not imported
}

// finishLoad writes the tensors and the record.
func (a *app) finishLoad(ctx context.Context, l *loaded, f *sandboxFlags) (err error) {
	if l.failed == nil {
		if l.rec.Output, err = writeTensors(l.out, l.result, f.output); err != nil {
			l.rec.Error = err.Error()
		}
		if errors.Is(err, sandbox.ErrChanged) { // whose bytes are taken last
			l.failed, err = err, nil
		}
	}
	if told := a.tellRecord(l.rec, f); err == nil {
		err = told
	}
	switch {
	case err != nil:
		return err
	case l.failed != nil && ctx.Err() != nil && !errors.Is(l.failed, sandbox.ErrContained):
		return stopped(l.name, f.output)
	case l.failed != nil:
		err := notLoaded(l.name, f.output, l.failed, l.lacks)
		if byReference := sandbox.Mode(f.mode.value) == sandbox.Reference; byReference && err.hint == failedHint {
			err.hint = "--mode full loads what cannot be referred to"
		}
		if bounded := f.memory > 0 || f.files > 0 || f.threads > 0; bounded && l.rec.Torch == "" && err.hint == workerHint {
			err.hint = "torch was not imported within --max-memory, --max-files or --max-processes: give more, or leave them out"
		}
		return err
	}
	return commit(l.out, f.output)
}

// cannotOpen words an error about the input.
func cannotOpen(in string, err error) error {
	if errors.Is(err, sandbox.ErrUnsupported) {
		return &fault{text: err.Error(), hint: "andiron convert " + in + " -o OUT", code: policy.ExitUsage}
	}
	return usage(err.Error(), nameFile)
}

const (
	workerHint = `"andiron sandbox doctor" tries each part, and --python names a Python that has torch`
	limitHint  = "hostile files do that; --max-time, --max-cpu, --max-memory and --max-result give more to one that you expect to need it"
	failedHint = `"andiron convert" reads checkpoints without running them, --import gives the sandbox modules that you trust, and --max-memory and --max-result more room`
)

// notLoaded words an error of the sandbox. What was contained is a finding. The names are
// those that the checkpoint needs of modules that were not imported.
func notLoaded(in, out string, err error, lacks names) *fault {
	if other, ok := errors.AsType[*fault](err); ok {
		return other
	}
	f := &fault{text: fmt.Sprintf("%q: %v; %q was not written", in, err, out)}
	switch {
	case errors.Is(err, sandbox.ErrContained):
		f.code, f.hint = policy.ExitFindings, "do not load this file anywhere else"
		if errors.Is(err, sandbox.ErrLimit) {
			f.hint = limitHint
		}
	case errors.Is(err, sandbox.ErrLimit):
		f.hint = limitHint
	case errors.Is(err, sandbox.ErrChanged):
		f.hint = "load it again when nobody writes to it"
	case errors.Is(err, sandbox.ErrImport):
		f.hint = sandbox.ImportRemedy(err)
	case errors.Is(err, sandbox.ErrMissing):
		f.hint = `"andiron sandbox doctor" says what is missing and what helps`
	case errors.Is(err, sandbox.ErrNeeds):
		f.hint = "--import takes modules that you trust"
		if len(lacks) > 0 {
			f.hint = fmt.Sprintf("if you trust them, write to sandbox in %s: allow_globals: [%s]", policy.FileName, lacks)
		}
	case errors.Is(err, sandbox.ErrFailed):
		f.hint = failedHint
	case errors.Is(err, sandbox.ErrNoWorker):
		f.hint = "try again, or give the pool more workers with --size"
	default:
		f.hint = workerHint
	}
	return f
}

// lookFirst scans the bytes that are to be loaded, and begins the record with that. With
// an error there is a record of a file that is not the one that is wanted.
func lookFirst(ctx context.Context, name string, in *sandbox.Input, want string) (*sandboxRecord, names, error) {
	rec := recordOf(name, in)
	if err := rec.look(ctx, in); err != nil {
		return nil, nil, err
	}
	asked, err := namesIn(in)
	if err != nil {
		return nil, nil, err
	}
	sum, err := in.Digest()
	if err != nil {
		return nil, nil, err
	}
	rec.Input.SHA256 = sum
	if want != "" && want != sum {
		return rec, nil, otherDigest(name, sum, want)
	}
	return rec, asked, nil
}

func otherDigest(name, is, want string) error {
	return &fault{text: fmt.Sprintf("%q has the SHA-256 %s, not %s", name, is, want), code: policy.ExitFindings, hint: "it is not the file that you expect; nothing was loaded"}
}

func recordOf(name string, in *sandbox.Input) *sandboxRecord {
	return &sandboxRecord{
		Schema: "andiron/sandbox/v1", At: time.Now().UTC().Format(time.RFC3339),
		Input: sandboxInput{Path: filepath.ToSlash(name), Size: in.Size, Kept: in.Kept, Verity: in.Verity},
	}
}

// look scans the bytes that are to be loaded.
func (rec *sandboxRecord) look(ctx context.Context, in *sandbox.Input) error {
	art, err := artifact.Open(in.Path(), rec.Input.Path)
	if err != nil {
		return err
	}
	defer func() { _ = art.Close() }() // it was only read
	art.StopOn(ctx.Done())
	verdict, found := verdictOf(ctx, art)
	rec.Static = &staticVerdict{verdict, append([]finding.Finding{}, found...)} // a list in JSON, also of none
	return ctx.Err()
}

// note keeps what the sandbox reports.
func (rec *sandboxRecord) note(r *sandbox.Report, err error) {
	rec.Layers, rec.Missing, rec.Events, rec.Lacks = []sandbox.Layer{}, map[string]string{}, []sandboxEvent{}, []string{}
	rec.Said = "no forbidden system call observed"
	if err != nil {
		rec.Error = err.Error()
	}
	if r == nil {
		rec.Said = "nothing was loaded"
		return
	}
	l := &r.Limits
	rec.Limits = sandboxLimits{l.Load.Seconds(), l.CPU.Seconds(), l.Memory, l.Result, l.Files, l.Threads, l.Events}
	rec.Torch, rec.Python, rec.Type, rec.Weights, rec.Mode = r.Torch, r.Python, r.Type, r.WeightsOnly, r.Mode
	rec.Layers = append(rec.Layers, r.Layers...)
	for l, why := range r.Missing {
		rec.Missing[string(l)] = why
	}
	rec.Lacks = append(rec.Lacks, r.Lacks...)
	for _, e := range r.Events {
		rec.Events = append(rec.Events, sandboxEvent{e.Call, millis(e.At)})
	}
	rec.Used = sandboxUsed{millis(r.Started), millis(r.Ran), millis(r.CPU), r.MaxRSS}
	switch {
	case errors.Is(err, sandbox.ErrNeeds):
		rec.Said = countOf(len(r.Events), "refused system call, which", "refused system calls, all of which") + " looked for modules"
	case len(r.Events) > 0:
		rec.Said = r.Tried()
	case r.Ran == 0:
		rec.Said = "nothing was loaded"
	}
}

// writeTensors copies the result.
func writeTensors(out io.Writer, r *sandbox.Result, name string) (*sandboxOutput, error) {
	sum, err := r.CopyTo(out)
	if errors.Is(err, sandbox.ErrChanged) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("output %q cannot be written: %w", name, err)
	}
	return &sandboxOutput{Path: filepath.ToSlash(name), SHA256: sum, Size: r.Size, Tensors: len(r.Header.Tensors)}, nil
}

// tellRecord writes the record to its file and to the standard output.
func (a *app) tellRecord(rec *sandboxRecord, f *sandboxFlags) error {
	b, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	b = append(b, '\n')
	if f.record != "" {
		out, err := openOutput(f.record, a.stdout)
		if err != nil {
			return err
		}
		_, _ = out.Write(b) // finish has the error
		if err := out.finish(); err != nil {
			return err
		}
	}
	if f.format.value == "json" {
		_, err := a.stdout.Write(b)
		return err
	}
	return a.say(rec.text())
}

// text says the same in a few lines.
func (rec *sandboxRecord) text() string {
	var b strings.Builder
	static := "not scanned"
	if rec.Static != nil {
		static = "statically " + rec.Static.Verdict.String()
	}
	fmt.Fprintf(&b, "%s: %s; %s\n", rec.Input.Path, rec.Said, static)
	for _, e := range rec.Events {
		fmt.Fprintf(&b, "  %9.3f ms  %s\n", e.MS, e.Call)
	}
	if rec.Torch != "" {
		fmt.Fprintf(&b, "torch %s on Python %s, held by %s\n", rec.Torch, rec.Python, layerNames(rec.Layers))
	}
	missing := make([]string, 0, len(rec.Missing))
	for l, why := range rec.Missing {
		missing = append(missing, fmt.Sprintf("without %s: %s\n", l, why))
	}
	slices.Sort(missing)
	b.WriteString(strings.Join(missing, ""))
	if o := rec.Output; o != nil {
		fmt.Fprintf(&b, "%s: %s, %d bytes\n", o.Path, countOf(o.Tensors, "tensor", "tensors"), o.Size)
	}
	return b.String()
}

func (a *app) sandboxDoctorCommand() *cobra.Command {
	var f holdFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Try each layer of the sandbox, and say what is missing and what helps",
		Long: `Try each layer of the sandbox by itself, with a Python that imports torch, and all
that there are together, with the modules that are to be imported. What is missing is named, with what helps. The exit code
is 0 if everything is there that the policy and the flags need.`,
		Example: `  andiron sandbox doctor --python .venv/bin/python
  andiron sandbox doctor --need strict`,
		Args: wants("", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := notEmpty(cmd.Flags()); err != nil {
				return err
			}
			return a.sandboxDoctor(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	f.addPolicy(flags)
	flags.SortFlags = false
	return cmd
}

func (a *app) sandboxDoctor(ctx context.Context, f *holdFlags) error {
	o, _, err := f.options()
	if err != nil {
		return err
	}
	trials := sandbox.Try(ctx, o)
	if len(trials) == 0 {
		return cannotOpen("IN", sandbox.ErrUnsupported)
	}
	var b strings.Builder
	for _, t := range trials {
		b.WriteString(trialText(&t))
	}
	if err := a.say(b.String()); err != nil {
		return err
	}
	if all := trials[len(trials)-1]; !all.OK {
		return &fault{text: "nothing can be loaded in the sandbox here: " + all.Why, hint: all.Remedy}
	}
	return nil
}

// trialText says what came of a trial.
func trialText(t *sandbox.Trial) string {
	name := cmp.Or(string(t.Layer), "all together")
	if t.OK {
		about := t.About
		if about == "" {
			about = fmt.Sprintf("torch %s on Python %s", t.Torch, t.Python)
		}
		return fmt.Sprintf("ok       %s: %s\n", name, about)
	}
	word := "missing "
	if t.Optional {
		word = "without "
	}
	text := fmt.Sprintf("%s %s: %s\n", word, name, t.Why)
	if t.Remedy != "" {
		text += "         " + t.Remedy + "\n"
	}
	return text
}
