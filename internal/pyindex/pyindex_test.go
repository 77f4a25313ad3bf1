package pyindex

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pep508"
)

const base = "https://index.example/whl/cu121/torch/"

var (
	sum   = strings.Repeat("0a", 32)
	other = strings.Repeat("0b", 32)
)

func hashes(list ...string) (h []manifest.Hash) {
	for _, d := range list {
		h = append(h, manifest.Hash{Algorithm: "sha256", Digest: d})
	}
	return h
}

func TestHTML(t *testing.T) {
	page := `<!DOCTYPE html><html><head>
<meta name="pypi:repository-version" content="1.4">
<meta name="pypi:project-status" content="quarantined"><meta name="pypi:project-status-reason" content="malware">
<meta name="pypi:tracks" content="https://other.example/simple/torch/">
<meta name="pypi:alternate-locations" content="https://third.example/simple/torch/">
</head><body><h1>Links</h1>
<a href="/whl/cu121/torch-2.1.0%2Bcu121-cp310-cp310-linux_x86_64.whl#sha256=` + sum + `"
   data-requires-python="&gt;=3.8" data-core-metadata="sha256=` + other + `" data-provenance="https://index.example/p">torch-2.1.0+cu121-cp310-cp310-linux_x86_64.whl</a><br/>
<A HREF='torch-2.0.0.tar.gz' data-yanked="broken &amp; old" data-yanked="twice">torch-2.0.0.tar.gz</A>
<a href="https://u:p@files.example/torch-1.0-py3-none-any.whl#egg=x" data-yanked data-dist-info-metadata="true">torch-1.0-py3-none-any.whl</a>
<a href="torch-0.9-py3-none-any.whl#sha256=short">another name</a>
<a>no address</a><a href="javascript:alert(1)">x</a><a href="/simple/">folder</a><a href="%zz">y</a>
<script>"<a href='torch-6.6-py3-none-any.whl'>"</script><!-- <a href="torch-6.7-py3-none-any.whl"> -->
</body>`
	got, err := Read("text/html; charset=utf-8", []byte(page), base, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := &Page{
		API: "1.4", Status: "quarantined", Reason: "malware",
		Tracks: []string{"https://other.example/simple/torch/"}, Alternates: []string{"https://third.example/simple/torch/"},
		Files: []File{
			{
				Name: "torch-2.1.0+cu121-cp310-cp310-linux_x86_64.whl", URL: "https://index.example/whl/cu121/torch-2.1.0%2Bcu121-cp310-cp310-linux_x86_64.whl",
				Hashes: hashes(sum), RequiresPython: ">=3.8", Metadata: true, MetadataHashes: hashes(other), Provenance: "https://index.example/p",
			},
			{Name: "torch-2.0.0.tar.gz", URL: base + "torch-2.0.0.tar.gz", Yanked: true, YankedReason: "broken & old"},
			{Name: "torch-1.0-py3-none-any.whl", URL: "https://files.example/torch-1.0-py3-none-any.whl", Yanked: true, Metadata: true},
			{Name: "torch-0.9-py3-none-any.whl", URL: base + "torch-0.9-py3-none-any.whl"},
		},
		Problems: []string{
			`a link is called "another name" and leads to "torch-0.9-py3-none-any.whl"`,
			"a link has no address",
			`a link: "javascript:alert(1)" is not an address of a file`,
			`a link: "/simple/" is not an address of a file`,
			`a link: "%zz" is no address`,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Files[0].SHA256() != sum || got.Files[0].MetadataSHA256() != other || got.Files[1].SHA256() != "" {
		t.Error("the digests are not found")
	}
}

// A base that the page sets is the one that counts, and only the first.
func TestHTMLBase(t *testing.T) {
	got, err := Read("text/html", []byte(`<base href="https://files.example/a/"><base href="/b/"><a href=x-1.zip>x-1.zip`), base, Limits{})
	if err != nil || len(got.Files) != 1 || got.Files[0].URL != "https://files.example/a/x-1.zip" || len(got.Problems) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestJSON(t *testing.T) {
	page := `{"meta": {"api-version": "1.4", "tracks": ["https://other.example/"]}, "name": "Torch", "versions": ["1.0", "2.0"],
"project-status": {"status": "archived", "reason": "moved"}, "alternate-locations": ["https://third.example/"],
"Files": [{"url": "https://evil.example/torch-9-py3-none-any.whl"}],
"files": [
 {"filename": "torch-2.0-py3-none-any.whl", "url": "../../torch-2.0-py3-none-any.whl", "hashes": {"sha256": "` + strings.ToUpper(sum) + `", "md5": "x"},
  "requires-python": ">=3.9", "size": 12, "upload-time": "2026-01-02T03:04:05.123456Z", "yanked": false, "core-metadata": {"sha256": "` + other + `"},
  "provenance": "https://index.example/p", "extra": [1]},
 {"filename": "torch-1.0.tar.gz", "url": "https://files.example/torch-1.0.tar.gz#sha256=` + other + `", "hashes": {}, "yanked": "why", "dist-info-metadata": true, "requires-python": null, "size": -1},
 {"filename": "torch-1.1.tar.gz", "url": "https://files.example/torch-1.2.tar.gz", "hashes": {}, "yanked": true},
 {"filename": "x"}, 7, {"filename": "x", "url": "%zz", "hashes": {}}
]}`
	got, err := Read("application/vnd.pypi.simple.v1+json", []byte(page), base, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := &Page{
		API: "1.4", Name: "Torch", Status: "archived", Reason: "moved", Versions: []string{"1.0", "2.0"},
		Tracks: []string{"https://other.example/"}, Alternates: []string{"https://third.example/"},
		Files: []File{
			{
				Name: "torch-2.0-py3-none-any.whl", URL: "https://index.example/whl/torch-2.0-py3-none-any.whl", Hashes: hashes(sum), RequiresPython: ">=3.9",
				Metadata: true, MetadataHashes: hashes(other), Size: 12, Upload: "2026-01-02T03:04:05.123456Z", Provenance: "https://index.example/p",
			},
			{Name: "torch-1.0.tar.gz", URL: "https://files.example/torch-1.0.tar.gz", Yanked: true, YankedReason: "why", Metadata: true},
			{Name: "torch-1.1.tar.gz", URL: "https://files.example/torch-1.2.tar.gz", Yanked: true},
		},
		Problems: []string{
			`"torch-2.0-py3-none-any.whl": a digest of "md5" that is none`,
			`a file is called "torch-1.1.tar.gz" and lies at "torch-1.2.tar.gz"`,
			"entry 4 of the files: no address",
			"entry 5 of the files: not an object",
			`entry 6 of the files: "%zz" is no address`,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		kind, page, want string
		lim              Limits
	}{
		{"application/json", "{", "the page is not JSON", Limits{}},
		{"application/json", "[]", "the page is not JSON", Limits{}},
		{"application/json", "null", `the page has no "files"`, Limits{}},
		{"application/json", `{"files": {}}`, `"files" of the page is not a list`, Limits{}},
		{"application/json", `{"meta": {"api-version": "2.0"}, "files": []}`, `version "2.0" of the interface`, Limits{}},
		{"text/html", `<meta name="pypi:repository-version" content="2.0">`, `version "2.0" of the interface`, Limits{}},
		{"application/pdf", "", ErrType.Error(), Limits{}},
		{"", "", ErrType.Error(), Limits{}},
		{"text/html", "12345", "limit of 4", Limits{Bytes: 4}},
		{"text/html", "<a href=a-1.zip><a href=b-1.zip>", "limit of 1", Limits{Files: 1}},
		{"text/html", "<a href=" + strings.Repeat("a", maxToken+1), "limit of 1048576", Limits{}},
		{"application/json", strings.Repeat("[", 100000), "the page is not JSON", Limits{}},
	}
	for _, tt := range tests {
		_, err := Read(tt.kind, []byte(tt.page), base, tt.lim)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %.40q: %v, want %q", tt.kind, tt.page, err, tt.want)
		}
		if strings.Contains(tt.want, "limit of") && !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%v is no limit", err)
		}
	}
	got, err := Read("text/html", []byte(strings.Repeat("<a>", 7)), base, Limits{Problems: 2})
	if err != nil || len(got.Problems) != 2 || got.More != 5 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseName(t *testing.T) {
	tests := []struct {
		file, project string
		want          Name
		err           string
	}{
		{"torch-2.1.0+cu121-cp310-cp310-manylinux1_x86_64.manylinux_2_17_x86_64.whl", "", Name{
			Project: "torch", Version: "2.1.0+cu121", Wheel: true, Python: []string{"cp310"}, ABI: []string{"cp310"},
			Platform: []string{"manylinux1_x86_64", "manylinux_2_17_x86_64"},
		}, ""},
		{"a_b-1-2build-py2.py3-none-any.WHL", "", Name{
			Project: "a_b", Version: "1", Wheel: true, Build: "2build", Python: []string{"py2", "py3"}, ABI: []string{"none"}, Platform: []string{"any"},
		}, ""},
		{"torch_scatter-2.1.2.tar.gz", "torch-scatter", Name{Project: "torch_scatter", Version: "2.1.2"}, ""},
		{"torch-scatter-2.1.2-rc1.tar.gz", "Torch.Scatter", Name{Project: "torch-scatter", Version: "2.1.2-rc1"}, ""},
		{"a-1.zip", "", Name{Project: "a", Version: "1"}, ""},
		{"a-1.zip", "b", Name{}, "not a file of"},
		{"a.zip", "", Name{}, "no version"},
		{"a-1-x-py3-none-any.whl", "", Name{}, "does not begin with a digit"},
		{"a-1-py3-none.whl", "", Name{}, "4 parts"},
		{"a--py3-none-any.whl", "", Name{}, "empty part"},
		{"a-1.exe", "", Name{}, "neither a wheel"},
		{"../a-1.zip", "", Name{}, "not the name of a file"},
	}
	for _, tt := range tests {
		got, err := ParseName(tt.file, tt.project)
		if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v %s", tt.file, err, diff)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("text/html", []byte(`<base href="//x/"><a href="a-1.zip#sha256=00" data-yanked data-core-metadata="sha256=1">a</a><meta name="pypi:tracks" content=x>`))
	f.Add("application/json", []byte(`{"meta":{"api-version":"1.0"},"files":[{"filename":"a-1.zip","url":"a-1.zip","hashes":{"sha256":"x"},"yanked":"y","size":1}]}`))
	f.Fuzz(func(t *testing.T, kind string, b []byte) {
		lim := Limits{Bytes: 1 << 16, Files: 100, Problems: 10}
		got, err := Read(kind, b, base, lim)
		if err != nil {
			return
		}
		again, err := Read(kind, b, base, lim)
		if diff := cmp.Diff(got, again); diff != "" || err != nil {
			t.Errorf("not the same twice: %v %s", err, diff)
		}
		if len(got.Files) > 100 || len(got.Problems) > 10 {
			t.Errorf("%d files, %d problems", len(got.Files), len(got.Problems))
		}
		for _, file := range got.Files {
			if file.URL == "" || file.Name == "" || strings.Contains(file.URL, "#") {
				t.Errorf("%+v", file)
			}
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add("torch-2.1.0+cu121-cp310-cp310-linux_x86_64.whl", "")
	f.Add("a-b-1.tar.gz", "A_b")
	f.Fuzz(func(t *testing.T, file, project string) {
		n, err := ParseName(file, project)
		if err == nil && (n.Version == "" || n.Project == "" || n.Wheel && (len(n.Python) == 0 || len(n.Platform) == 0)) {
			t.Errorf("%q: %+v", file, n)
		}
		if one := pep508.Normalize(project); pep508.Normalize(one) != one {
			t.Errorf("%q: %q", project, one)
		}
	})
}

// BenchmarkRead reads a page of 5,000 files, as the largest projects have.
func BenchmarkRead(b *testing.B) {
	var page, list strings.Builder
	for range 5000 {
		page.WriteString(`<a href="/f/torch-2.1.0%2Bcu121-cp310-cp310-linux_x86_64.whl#sha256=` + sum + `" data-requires-python="&gt;=3.8" data-core-metadata="sha256=` + other + `">torch-2.1.0+cu121-cp310-cp310-linux_x86_64.whl</a><br/>`)
		list.WriteString(`,{"filename": "torch-2.0-py3-none-any.whl", "url": "https://index.example/f/torch-2.0-py3-none-any.whl", "hashes": {"sha256": "` + sum + `"}, "requires-python": ">=3.9", "size": 12, "upload-time": "2026-01-02T03:04:05.123456Z", "yanked": false, "core-metadata": {"sha256": "` + other + `"}}`)
	}
	for kind, text := range map[string]string{"text/html": page.String(), "application/json": `{"files": [` + list.String()[1:] + `]}`} {
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if p, err := Read(kind, []byte(text), base, Limits{}); err != nil || len(p.Files) != 5000 {
					b.Fatal(err)
				}
			}
		})
	}
}
