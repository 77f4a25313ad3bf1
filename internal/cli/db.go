package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/digest"
	"github.com/andiron-dev/andiron/internal/feed"
	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/safetext"
)

const (
	databaseFile = "advisories.db"
	databaseEnv  = "ANDIRON_DB"
	// builtinOnly is said wherever the small database is used.
	builtinOnly = `built-in PyTorch facts only; "andiron db update" gets the whole`
)

func (a *app) dbCommand() *cobra.Command {
	var db string
	cmd := &cobra.Command{
		Use:   "db update|import|export|status",
		Short: "Keep the database of known vulnerabilities",
		Long: `Keep the database of known vulnerabilities and malware in Python packages, which
"andiron deps" looks things up in. It is one file: that of --db, else that of
$` + databaseEnv + `, else one in the user's cache. Without any, the built-in facts about
PyTorch are used, and that is said.`,
		Example: `  andiron db update
  andiron db status
  andiron db export --output advisories.db
  andiron db import advisories.db`,
		RunE: func(_ *cobra.Command, args []string) error {
			const hint = "usage: andiron db update|import|export|status"
			if len(args) == 0 {
				return usage("db: no verb given", hint)
			}
			return usage(fmt.Sprintf("db: unknown verb %q", args[0]), hint)
		},
		Args: cobra.ArbitraryArgs,
	}
	cmd.PersistentFlags().StringVar(&db, "db", "", "use the database `FILE`")
	cmd.AddCommand(a.dbUpdateCommand(&db), a.dbImportCommand(&db), a.dbExportCommand(&db), a.dbStatusCommand(&db))
	return cmd
}

// databaseName is where the database is or would be, and whether the user said so.
func (a *app) databaseName(flag string) (name string, said bool, err error) {
	if flag != "" {
		return flag, true, nil
	}
	if name := a.getenv(databaseEnv); name != "" {
		return name, true, nil
	}
	dir := digest.Folder(a.getenv)
	if dir == "" {
		return "", false, &fault{text: "there is no place for the database: neither XDG_CACHE_HOME nor HOME is a folder", hint: "--db or $" + databaseEnv + " names a file"}
	}
	return filepath.Join(dir, databaseFile), false, nil
}

// database is an open database, or the built-in one, which has no name.
type database struct {
	*advisory.DB

	name string
	file *feed.File
}

func (d *database) close() {
	if d.file != nil {
		_ = d.file.Close() // it was only read
	}
}

// openDatabase opens the database that lookups use. Its digest is not verified.
func (a *app) openDatabase(flag string) (*database, error) {
	return lookup(a, flag, func(name string) (*database, error) {
		if name == "" {
			return &database{DB: advisory.Builtin()}, nil
		}
		f, err := feed.Open(name)
		if err != nil {
			return nil, err
		}
		return &database{DB: f.DB, name: name, file: f}, nil
	})
}

// databaseHead is what that database says of itself, read from its first bytes alone.
func (a *app) databaseHead(flag string) (advisory.Info, error) {
	return lookup(a, flag, func(name string) (advisory.Info, error) {
		if name == "" {
			return advisory.Builtin().Info(), nil
		}
		return feed.Head(name)
	})
}

// lookup opens the database that lookups use. The built-in one, which has no name, is
// used where there is no other, and the user named none.
func lookup[T any](a *app, flag string, open func(name string) (T, error)) (T, error) {
	name, said, err := a.databaseName(flag)
	if err != nil {
		return open("")
	}
	out, err := open(name)
	if errors.Is(err, fs.ErrNotExist) && !said {
		return open("")
	}
	if err != nil {
		return out, databaseFault(err)
	}
	return out, nil
}

// databaseFault is the error of a database that cannot be used, with what to do.
func databaseFault(err error) error {
	f := &fault{text: "database " + err.Error()}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, advisory.ErrFormat), errors.Is(err, advisory.ErrDamaged):
		f.hint = `"andiron db update" or "andiron db import" makes it anew`
	case strings.Contains(err.Error(), "everyone can write"):
		f.hint = "whoever can write to it can hide a vulnerability: chmod o-w"
	}
	return f
}

// store writes a database that was made, and says what it is.
func (a *app) store(name string, r *feed.Result) error {
	if err := feed.Write(name, r.File); err != nil {
		return &fault{text: "database " + err.Error(), hint: "nothing was changed"}
	}
	i := r.Info
	how := "made"
	switch r.How {
	case feed.Unchanged:
		how = "current"
	case feed.Changes:
		how = fmt.Sprintf("updated, %d changed, %d removed", r.Changed, r.Removed)
	case feed.Copied:
		how = "taken over"
	case feed.Whole:
	}
	if i.Rejected > 0 {
		a.warn(fmt.Sprintf(`records that could not be read: %d; "andiron db status" lists them`, i.Rejected))
	}
	_, err := fmt.Fprintf(a.stdout, "%s: %s\nrecords %d, of them malware %d; packages %d; the newest record is of %s\n",
		safetext.Plain(name), how, i.Records, i.Malicious, i.Packages, stampOf(i.Newest))
	return err
}

func stampOf(sec int64) string { return time.Unix(sec, 0).UTC().Format(time.RFC3339) }

// older warns where a database replaces one that has newer records, or far more.
func (a *app) older(name string, r *feed.Result) {
	f, err := feed.Open(name)
	if err != nil {
		return // it is about to be replaced, and may not be there
	}
	was := f.Info()
	if was.Newest > r.Info.Newest {
		a.warn("the database that is replaced was newer: its newest record is of " + stampOf(was.Newest))
	}
	if was.Records > 2*r.Info.Records {
		a.warn("the database that is replaced had more: " + many(was.Records, "record"))
	}
	_ = f.Close() // it was only read
}

func (a *app) dbUpdateCommand(db *string) *cobra.Command {
	var base string
	var noProgress bool
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Get what is new from OSV",
		Long: `Get the records about PyPI's packages from OSV, or from a mirror of its bucket. The
first time that is an archive of all of them, later what changed. If anything fails,
the database stays as it was.

HTTPS_PROXY and NO_PROXY are honoured.`,
		Example: `  andiron db update
  andiron db update --url https://mirror.example/osv/PyPI`,
		Args: wants("argument", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.dbUpdate(cmd.Context(), *db, base, noProgress)
		},
	}
	cmd.Flags().StringVar(&base, "url", feed.DefaultBase, "`BASE` address, beneath which all.zip and modified_id.csv are")
	addNoProgress(cmd, &noProgress)
	return cmd
}

func addNoProgress(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "no-progress", false, "show no progress on the terminal")
}

func (a *app) dbUpdate(ctx context.Context, flag, base string, noProgress bool) error {
	name, _, err := a.databaseName(flag)
	if err != nil {
		return err
	}
	opt, done, err := a.feedOptions(noProgress)
	if err != nil {
		return err
	}
	defer done()
	old, err := feed.Open(name)
	switch {
	case err == nil:
		defer func() { _ = old.Close() }() // it was only read
	case errors.Is(err, fs.ErrNotExist):
	default:
		a.warn("database " + err.Error() + "; it is made anew")
	}
	r, err := feed.Update(ctx, fetch.New(fetch.Options{Version: version()}), base, old, opt)
	if errors.Is(err, advisory.ErrDamaged) && old != nil {
		a.warn("database " + err.Error() + "; it is made anew")
		r, err = feed.Update(ctx, fetch.New(fetch.Options{Version: version()}), base, nil, opt)
	}
	done()
	if err != nil {
		return &fault{text: "db update: " + err.Error(), hint: `the database stays as it was; where there is no network, "andiron db import" takes a file`}
	}
	return a.store(name, r)
}

// feedOptions has the progress shown on a terminal, until done is called.
func (a *app) feedOptions(noProgress bool) (opt feed.Options, done func(), err error) {
	if opt.Now, err = a.now(); err != nil {
		return opt, nil, err
	}
	if noProgress || !isTerminal(a.stderr) {
		return opt, func() {}, nil
	}
	bar := newProgress(a.stderr, false, columns(a.stderr))
	opt.Progress = func(p feed.Progress) { bar.feed(p) }
	return opt, func() { _ = bar.clear() }, nil
}

// feed shows the progress of a database in the making. What has no known end is
// counted.
func (p *progress) feed(m feed.Progress) {
	if m.Total > 0 {
		_ = p.Progress(finding.Progress{Path: m.What, Done: int(m.Done), Total: int(m.Total)}) // it returns none
		return
	}
	now := p.now()
	if now.Sub(p.last) < progressRate {
		return
	}
	p.last, p.drawn = now, true
	amount := strconv.FormatInt(m.Done, 10)
	if m.Bytes {
		amount = fmt.Sprintf("%d MB", m.Done/1_000_000)
	}
	_, _ = io.WriteString(p.w, clearLine+safetext.Plain(short(m.What))+" "+amount) // as in Progress
}

func (a *app) dbImportCommand(db *string) *cobra.Command {
	var noProgress bool
	cmd := &cobra.Command{
		Use:   "import FILE|DIR|-",
		Short: "Make the database of files that were brought here",
		Long: `Make the database of an archive of OSV records (all.zip), of a folder with records
in files that end in .json (YAML is not read), of one record, or of a database that "andiron db export"
wrote, whose digest is verified. It replaces the database that there is.`,
		Example: `  andiron db import all.zip
  andiron db import /media/usb/advisories.db`,
		Args: wants("FILE or DIR", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.dbImport(cmd.Context(), *db, args[0], noProgress)
		},
	}
	addNoProgress(cmd, &noProgress)
	return cmd
}

func (a *app) dbImport(ctx context.Context, flag, from string, noProgress bool) error {
	name, _, err := a.databaseName(flag)
	if err != nil {
		return err
	}
	opt, done, err := a.feedOptions(noProgress)
	if err != nil {
		return err
	}
	r, err := feed.Import(ctx, from, a.stdin, opt)
	done()
	if err != nil {
		return &fault{text: "db import: " + err.Error(), hint: "the database stays as it was"}
	}
	a.older(name, r)
	return a.store(name, r)
}

func (a *app) dbExportCommand(db *string) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "export --output FILE",
		Short: "Write the database to a file, for a machine without a network",
		Long: `Verify the database and write it to a file that "andiron db import" takes. The file
keeps the time until which it is known to be complete.`,
		Example: `  andiron db export --output advisories.db`,
		Args:    wants("argument", 0, 0),
		RunE:    func(*cobra.Command, []string) error { return a.dbExport(*db, out) },
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to `FILE`, whole or not at all; - is the standard output")
	return cmd
}

func (a *app) dbExport(flag, to string) error {
	if to == "" {
		return usage("db export: no --output given", "usage: andiron db export --output FILE")
	}
	db, err := a.openDatabase(flag)
	if err != nil {
		return err
	}
	defer db.close()
	if db.file == nil {
		return &fault{text: "db export: there is no database but the built-in facts", hint: `"andiron db update" gets the whole`}
	}
	b, err := db.file.Bytes()
	if err != nil {
		return databaseFault(fmt.Errorf("%q: %w", db.name, err))
	}
	out, err := openOutput(to, a.stdout)
	if err != nil {
		return err
	}
	if _, err := out.Write(b); err != nil {
		out.abandon()
		return fmt.Errorf("output %q cannot be written: %w", to, osfile.Cause(err))
	}
	return out.finish()
}
