package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/osv"
)

const (
	// maxChanges is from how many on the whole archive is less work than the records
	// one by one.
	maxChanges = 200
	// From maxGone and more than one in goneShare, records do not vanish: the list
	// was cut.
	maxGone   = 20
	goneShare = 100
	// maxLag is how many records the archive may lack, or have an older form of, that
	// its list of changes names: the two are not written at one moment.
	maxLag = 2_000

	notFound = 404 // of RFC 9110; net/http is for internal/fetch alone
)

// Getter is the part of fetch.Client that is used.
type Getter interface {
	Get(ctx context.Context, req fetch.Request) ([]byte, *fetch.Response, error)
	Stream(ctx context.Context, req fetch.Request, open func() (io.Writer, error)) (*fetch.Response, error)
}

// Update makes the database that BASE has now. If old, which may be nil, is of the
// same BASE, only what changed is fetched. An error that wraps advisory.ErrDamaged is
// about old.
func Update(ctx context.Context, client Getter, base string, old *File, opt Options) (*Result, error) {
	u := &update{client: client, base: strings.TrimRight(base, "/"), opt: opt, intake: newIntake(ctx, opt)}
	at, err := url.Parse(u.base)
	if err != nil || at.Host == "" || at.RawQuery != "" || at.Fragment != "" {
		return nil, errors.New("the base is no address of the form https://host/path")
	}
	u.source = fetch.Plain(at)
	if old != nil && old.Info().Source == u.source {
		if err := old.Verify(); err != nil {
			return nil, err
		}
		u.old = old
	}
	return u.run(ctx)
}

type update struct {
	client       Getter
	base, source string
	old          *File // nil: there is nothing to build on
	opt          Options
	intake       *intake
	behind       bool // a record came that is older than the list of changes says
}

func (u *update) run(ctx context.Context) (*Result, error) {
	req := fetch.Request{URL: u.base + "/modified_id.csv", MaxBytes: maxList}
	if u.old != nil {
		req.ETag, req.LastModified = u.old.Info().ETag, u.old.Info().LastModified
	}
	u.opt.progress(Progress{What: "modified_id.csv"})
	body, res, err := u.client.Get(ctx, req)
	if err != nil {
		return nil, err
	}
	if res.NotModified {
		return u.unchanged()
	}
	list, err := readList(body)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", res.URL, err)
	}
	info := advisory.Info{Source: u.source, ETag: res.ETag, LastModified: res.LastModified, Current: u.opt.Now.Unix(), Built: u.opt.Now.Unix()}
	if u.old == nil {
		return u.whole(ctx, info, list)
	}
	if err := u.intake.b.AddDB(u.old.DB); err != nil {
		return nil, err
	}
	changed, gone := compare(list, u.intake.b.Modified())
	known := u.old.Info().Records
	if len(changed) > maxChanges || len(gone) > maxGone && len(gone) > known/goneShare {
		u.intake = newIntake(ctx, u.opt)
		return u.whole(ctx, info, list)
	}
	return u.changes(ctx, info, list, changed, gone)
}

// unchanged is the database that there is, current until now.
func (u *update) unchanged() (*Result, error) {
	file, err := u.old.Bytes()
	if err != nil {
		return nil, err
	}
	now := u.opt.Now.Unix()
	return opened(advisory.Stamped(file, now, now), Result{How: Unchanged})
}

// whole fetches the archive of all records.
func (u *update) whole(ctx context.Context, info advisory.Info, list map[string]int64) (*Result, error) {
	f, done, err := temporary()
	if err != nil {
		return nil, err
	}
	defer done()
	res, err := u.client.Stream(ctx, fetch.Request{URL: u.base + "/all.zip", MaxBytes: maxArchive}, func() (io.Writer, error) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, plain(err)
		}
		return &counter{f: f, opt: &u.opt}, plain(f.Truncate(0))
	})
	if err != nil {
		return nil, err
	}
	u.intake.times = list
	if err := u.intake.archive(f, res.Size); err != nil {
		return nil, fmt.Errorf("%q: %w", res.URL, err)
	}
	late, _ := compare(list, u.intake.b.Modified())
	if len(late) > maxLag {
		return nil, fmt.Errorf("%q is older than its list of changes: %d of the records named there are not in it, or were changed since", res.URL, len(late))
	}
	if err := u.each(ctx, late, list); err != nil {
		return nil, err
	}
	r, err := u.finish(info, Result{How: Whole})
	if err != nil {
		return nil, fmt.Errorf("%q: %w", res.URL, err)
	}
	return r, nil
}

// finish makes the database. Where a record is not yet what the list of changes says,
// the next update has to look at the list again, even if that stays the same.
func (u *update) finish(info advisory.Info, r Result) (*Result, error) {
	if u.behind {
		info.ETag, info.LastModified = "", ""
	}
	return finish(&u.intake.b, info, r)
}

// counter writes a file and says how much of it is there.
type counter struct {
	f   *os.File
	opt *Options
	n   int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.f.Write(b)
	c.n += int64(n)
	c.opt.progress(Progress{What: "all.zip", Done: c.n, Bytes: true})
	return n, err
}

// changes fetches what changed, one by one.
func (u *update) changes(ctx context.Context, info advisory.Info, list map[string]int64, changed, gone []string) (*Result, error) {
	for _, id := range gone {
		u.intake.b.Drop(id)
	}
	if err := u.each(ctx, changed, list); err != nil {
		return nil, err
	}
	return u.finish(info, Result{How: Changes, Changed: len(changed), Removed: len(gone)})
}

// each fetches records one by one.
func (u *update) each(ctx context.Context, ids []string, list map[string]int64) error {
	for i, id := range ids {
		u.opt.progress(Progress{What: id, Done: int64(i), Total: int64(len(ids))})
		if err := u.change(ctx, id, list[id]); err != nil {
			return err
		}
	}
	return nil
}

func (u *update) change(ctx context.Context, id string, modified int64) error {
	b, res, err := u.client.Get(ctx, fetch.Request{URL: u.base + "/" + url.PathEscape(id) + ".json", MaxBytes: maxRecord})
	if status, ok := errors.AsType[*fetch.StatusError](err); ok && status.Code == notFound {
		u.unreadable(id, modified, errors.New("the list of changes names it, and the source does not have it"))
		return nil
	}
	if err != nil {
		return err
	}
	r, err := osv.Parse(b, osv.Limits{})
	if err == nil && r.ID != id {
		err = fmt.Errorf("%q holds the record %q", res.URL, r.ID)
	}
	if err != nil {
		u.unreadable(id, modified, err)
		return nil
	}
	u.behind = u.behind || r.Modified < modified
	u.intake.b.Drop(id) // the source's word counts, should it have gone back to an older one
	u.intake.b.Add(r)
	return nil
}

// unreadable lists a record that cannot be read. One that could be before stays as it
// was, and is asked for again: what is known of a vulnerability is not lost by that.
func (u *update) unreadable(id string, modified int64, why error) {
	if !u.intake.b.Holds(id) {
		u.intake.b.Reject(id, modified, why)
		return
	}
	u.behind = true
	u.intake.b.Note(id, "it was changed, and cannot be read any more; what it said before counts: "+why.Error())
}

// readList reads a list of changes: lines of a time and an id.
func readList(b []byte) (map[string]int64, error) {
	list := map[string]int64{}
	for n := 1; len(b) > 0; n++ {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			continue
		}
		if n > maxRecords {
			return nil, bounded.Exceeded("lines", maxRecords)
		}
		at, id, ok := strings.Cut(string(line), ",")
		sec, good := osv.ParseTime(at)
		if !ok || !good || !osv.ValidID(id) {
			return nil, fmt.Errorf("line %d: %.80q is not a time and an id", n, line)
		}
		list[id] = max(list[id], sec)
	}
	if len(list) == 0 {
		return nil, errors.New("the list of changes is empty")
	}
	return list, nil
}

// compare says which records of the source are newer than those that are known, and
// which of these the source does not have any more.
func compare(list, known map[string]int64) (changed, gone []string) {
	for _, id := range slices.Sorted(maps.Keys(list)) {
		if at, ok := known[id]; !ok || at < list[id] {
			changed = append(changed, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if _, ok := list[id]; !ok {
			gone = append(gone, id)
		}
	}
	return changed, gone
}
