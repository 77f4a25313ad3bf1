package fakeindex

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/pep508"
)

func itoa(n int) string { return strconv.Itoa(n) }

// pathEscape writes a plus sign as %2B, which the PyTorch index does, too.
func pathEscape(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "+", "%2B")
}

func (i *Index) servePage(w http.ResponseWriter, r *http.Request, name string) {
	var p *Project
	for _, q := range i.projects {
		if pep508.Normalize(q.Name) == name {
			p = q
		}
	}
	if p == nil {
		http.NotFound(w, r)
		return
	}
	if i.HTML || !strings.Contains(r.Header.Get("Accept"), "application/vnd.pypi.simple.v1+json") {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(i.html(p))) // the client may be gone
		return
	}
	w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
	_ = json.NewEncoder(w).Encode(i.json(p)) // the same
}

// hash is the digest that the page has of a file, or "".
func (i *Index) hash(f *file) string {
	switch {
	case i.NoHashes || f.NoHash:
		return ""
	case f.FalseHash:
		return digest([]byte("another file"))
	}
	return digest(f.body)
}

// metadataHash is the same of the METADATA beside it.
func (i *Index) metadataHash(f *file) string {
	switch {
	case i.NoMetadata:
		return ""
	case f.FalseMetadataHash:
		return digest([]byte("another text"))
	case f.FalseMetadata:
		return digest(append(append([]byte{}, f.metadata...), "Requires-Dist: intruder\n"...))
	}
	return digest(f.metadata)
}

func (i *Index) html(p *Project) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.4\">")
	if p.Status != "" {
		fmt.Fprintf(&b, `<meta name="pypi:project-status" content="%s"><meta name="pypi:project-status-reason" content="%s">`,
			html.EscapeString(p.Status), html.EscapeString(p.Reason))
	}
	b.WriteString("</head><body>\n")
	for _, f := range p.files {
		href := i.path + "/files/" + pathEscape(f.name)
		if h := i.hash(f); h != "" {
			href += "#sha256=" + h
		}
		fmt.Fprintf(&b, `<a href="%s"`, href)
		if f.RequiresPython != "" {
			fmt.Fprintf(&b, ` data-requires-python="%s"`, html.EscapeString(f.RequiresPython))
		}
		if f.Yanked != "" {
			fmt.Fprintf(&b, ` data-yanked="%s"`, html.EscapeString(f.Yanked))
		}
		if h := i.metadataHash(f); h != "" {
			fmt.Fprintf(&b, ` data-core-metadata="sha256=%s" data-dist-info-metadata="sha256=%s"`, h, h)
		}
		fmt.Fprintf(&b, ">%s</a><br/>\n", html.EscapeString(f.name))
	}
	b.WriteString("</body></html>\n")
	return b.String()
}

func (i *Index) json(p *Project) map[string]any {
	files, versions := []any{}, []string{}
	for _, f := range p.files {
		entry := map[string]any{
			"filename": f.name, "url": i.File(f.name), "size": len(f.body), "yanked": f.Yanked != "",
			"upload-time": f.Upload.UTC().Format(time.RFC3339), "hashes": map[string]string{},
		}
		if h := i.hash(f); h != "" {
			entry["hashes"] = map[string]string{"sha256": h}
		}
		if f.RequiresPython != "" {
			entry["requires-python"] = f.RequiresPython
		}
		if f.Yanked != "" {
			entry["yanked"] = f.Yanked
		}
		if h := i.metadataHash(f); h != "" {
			// Not as dist-info-metadata: the pip of PEP 714 fails on it, so no index has it.
			entry["core-metadata"] = map[string]string{"sha256": h}
		}
		files, versions = append(files, entry), append(versions, f.Version)
	}
	page := map[string]any{"meta": map[string]any{"api-version": "1.4"}, "name": p.Name, "files": files, "versions": versions}
	if p.Status != "" {
		page["project-status"] = map[string]string{"status": p.Status, "reason": p.Reason}
	}
	return page
}
