package deps

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLimits: what a constraint or an override leaves open, or brings in, is not clean.
func TestLimits(t *testing.T) {
	evil := `{"id": "MAL-1", "modified": "2027-01-09T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "evil"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}`
	once := `{"id": "MAL-2", "modified": "2027-01-09T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "taken"}, "versions": ["1.5"]}]}`
	db := database(t, fixedIn("PYSEC-1", "torch", "2.6.0"), fixedIn("PYSEC-2", "numpy", "1.22"), evil, once)
	for _, tt := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"a constraint for some environments leaves the others open", []string{"requirements.txt", "-c c.txt\ntorch>=2.0\n", "c.txt", "torch==2.7.0; sys_platform == 'win32'\n"}, []string{
			"requirements.txt:2:1 torch >=2.0 may-resolve", "requirements.txt:2:1 torch 2.7.0 clean",
		}},
		{"one for all that the package is asked for in does not", []string{"requirements.txt", "-c c.txt\ntorch>=2.0; sys_platform == 'win32'\n", "c.txt", "torch==2.7.0; sys_platform == 'win32'\n"}, []string{
			"requirements.txt:2:1 torch 2.7.0 clean",
		}},
		{"nor two for all that the project runs on", []string{"pyproject.toml", asking("app", `"torch>=2.0"`, `requires-python = ">=3.10"`, "[tool.uv]", `constraint-dependencies = ["torch==2.7.0; python_version < '3.12'", "torch==2.8.0; python_version >= '3.12'"]`)}, []string{
			"pyproject.toml:4:17 torch 2.7.0 clean", "pyproject.toml:4:17 torch 2.8.0 clean",
		}},
		{"a constraint of what nobody asks for", []string{"requirements.txt", "-c c.txt\nlightning==2.1\n", "c.txt", "torch==2.5.0\nnumpy==1.26.0\n"}, []string{
			"requirements.txt:2:1 lightning 2.1 clean", "c.txt:1:1 torch ==2.5.0 may-resolve",
		}},
		{"a file that is looked at for itself", []string{"dev.in", "-c requirements.txt\npytest\n", "requirements.txt", "torch==2.5.0\n"}, []string{
			"dev.in:2:1 pytest  clean", "requirements.txt:1:1 torch 2.5.0 vulnerable",
		}},
		{"a lock has what a constraint did", []string{"pyproject.toml", asking("app", `"lightning"`, "[tool.uv]", `constraint-dependencies = ["torch==2.5.0"]`), "uv.lock", locked("app@.", "lightning==2.1")}, []string{
			"uv.lock:8:8 lightning 2.1 clean",
		}},
		{"an override takes the place of a range", []string{"pyproject.toml", asking("app", `"torch>=2.7", "numpy<1.20"`, "[tool.uv]", `override-dependencies = ["torch<2.6", "numpy==1.26.0"]`)}, []string{
			"pyproject.toml:4:31 numpy 1.26.0 clean", "pyproject.toml:4:17 torch <2.6 may-resolve",
		}},
		{"a lock that holds to an override is not stale", []string{"pyproject.toml", asking("app", `"torch>=2.7"`, "[tool.uv]", `override-dependencies = ["torch<2.6"]`), "uv.lock", locked("app@.", "torch==2.5.0")}, []string{
			"uv.lock:8:8 torch 2.5.0 vulnerable",
		}},
		{"malware that has no other versions", []string{"requirements.txt", "evil\ntaken\n"}, []string{
			"requirements.txt:1:1 evil  vulnerable", "requirements.txt:2:1 taken  may-resolve",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := slices.DeleteFunc(all(t, gather(t, tt.files...), db), func(s string) bool {
				return strings.Contains(s, " DEP00") || strings.Contains(s, " PIN00") && !strings.Contains(s, "PIN004")
			})
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
		})
	}
}

// TestManyLimits: lines times constraints are not as many statements.
func TestManyLimits(t *testing.T) {
	db := database(t, fixedIn("PYSEC-1", "torch", "2.6.0"))
	var lines, limits strings.Builder
	for i := range 2000 {
		lines.WriteString("torch>=1." + strconv.Itoa(i%3) + "\n")
		limits.WriteString("torch==2." + strconv.Itoa(i) + "\nnumpy==1.26.0\n")
	}
	p := gather(t, "requirements.txt", "-c c.txt\nnumpy\n"+lines.String(), "c.txt", limits.String())
	res, err := Scan(p, Options{Advisories: db, Source: Source{Name: "test", Date: clock}, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	status := map[string]int{}
	for _, d := range res.Dependencies {
		status[d.Name+" "+string(d.Status)+" "+d.Reason]++
	}
	if want := map[string]int{"torch unauditable there are more than 64 constraints of it": 2000, "numpy clean ": 1}; !maps.Equal(status, want) {
		t.Errorf("got %v, want %v", status, want)
	}
}

// TestPlaces: files that are read by another name than the usual one, and with those
// beside them.
func TestPlaces(t *testing.T) {
	db := database(t, fixedIn("PYSEC-1", "torch", "2.6.0"))
	const explicit = "@EXPLICIT\nhttps://conda.example/conda-forge/linux-64/pytorch-2.5.0-py3.10_0.conda#" + "0123456789abcdef0123456789abcdef\n"
	for _, tt := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"the addresses of an environment of conda", []string{"environment.yml", "channels: [a]\ndependencies:\n- pytorch>=2.0\n", "spec.txt", explicit}, []string{
			"spec.txt:2:1 pytorch 2.5.0 vulnerable", "spec.txt:2:1 DEP001", "spec.txt:2:1 PIN002: pytorch 2.5.0 has an MD5 alone, of which two files can be made",
		}},
		{"an environment that a container file makes", []string{"Dockerfile", "FROM a\nRUN micromamba create -y -f conf/env.yml\n", "conf/env.yml", "channels: [a]\ndependencies:\n- pytorch=2.5.0=0\n"}, []string{
			"conf/env.yml:3:3 pytorch 2.5.0 vulnerable", "conf/env.yml:3:3 DEP001", "conf/env.yml PIN003: 1 package is asked for in this file, and no lock says what is installed",
		}},
		{"requirements by another name", []string{"requirements-dev.lock", "torch==2.5.0\n", "pins.lock", "torch==2.5.1\n", "yarn.lock", "# yarn lockfile v1\nleft-pad@^1.0.0:\n  version \"1.3.0\"\n", "Cargo.lock", "version = 4\n"}, []string{
			"requirements-dev.lock:1:1 torch 2.5.0 vulnerable", "pins.lock:1:1 torch 2.5.1 vulnerable",
			"pins.lock:1:1 DEP001", "requirements-dev.lock:1:1 DEP001", "pins.lock:1:1 PIN002: torch 2.5.1 has no hash", "requirements-dev.lock:1:1 PIN002: torch 2.5.0 has no hash",
		}},
		{"what an export of uv has besides the project itself", []string{"pyproject.toml", asking("app", `"torch>=2.0"`), "requirements.txt", "# This file was autogenerated by uv via the following command:\n#    uv export\n-e .\ntorch==2.7.0" + h + "\n"}, []string{
			"requirements.txt:4:1 torch 2.7.0 clean",
		}},
		{"the settings of uv beside a project", []string{"pyproject.toml", asking("app", `"torch>=2.7"`), "uv.toml", "index-strategy = \"unsafe-best-match\"\noverride-dependencies = [\"torch==2.5.0\"]\n[[index]]\nurl = \"https://index.example/simple\"\n"}, []string{
			"pyproject.toml:4:17 torch 2.5.0 vulnerable", "pyproject.toml:4:17 DEP001",
			"pyproject.toml PIN003: 1 package is asked for in this file, and no lock says what is installed",
			"uv.toml:1 PIN012: the highest version of all indexes wins (unsafe-best-match)",
			"uv.toml:3 PIN010: 1 package comes from whichever index has the highest version: \"https://index.example/simple\" is searched beside the others",
		}},
		{"settings alone ask for nothing", []string{"uv.toml", "no-index = true\n"}, []string{". DEP007: no file says what the project depends on"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := all(t, gather(t, tt.files...), db)
			for i, line := range got {
				if where, _, ok := strings.Cut(line, " DEP001: "); ok {
					got[i] = where + " DEP001"
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
		})
	}
}

// TestMalwareAlone: what check says of malware is what scan says of it.
func TestMalwareAlone(t *testing.T) {
	evil := `{"id": "MAL-1", "modified": "2027-01-09T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "evil"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}`
	db := database(t, fixedIn("PYSEC-1", "torch", "2.6.0"), evil)
	p := gather(t, "requirements.txt", "torch==2.5.0\nevil>=1\n", "dev-requirements.txt", "evil==1.0\n", "environment.yml", "channels: [a]\ndependencies:\n- evil==1\n")
	opt := Options{Advisories: db, Source: Source{Name: "test", Date: clock}, Now: clock}
	res, err := Scan(p, opt)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, f := range res.Findings {
		if f.Rule == malicious.ID {
			want = append(want, f.Where.String()+" "+f.Message)
		}
	}
	list, err := Malicious(p, opt)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		got = append(got, f.Where.String()+" "+f.Message)
	}
	if len(got) != 3 || !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStages: what two stages of a container file install need not go together.
func TestStages(t *testing.T) {
	db := database(t, fixedIn("PYSEC-1", "torch", "1.0"))
	const one, two = "RUN pip install torch==2.7.0+cpu\n", "RUN pip install -r cuda.txt\n"
	for between, want := range map[string]int{"": 1, "FROM python AS cuda\n": 0} {
		got := all(t, gather(t, "Dockerfile", "FROM python AS cpu\n"+one+between+two, "cuda.txt", "torch==2.7.0+cu128\n"), db)
		if n := len(slices.DeleteFunc(got, func(s string) bool { return !strings.Contains(s, "PIN020") && !strings.Contains(s, "PIN021") })); n != want {
			t.Errorf("with %q: %d findings, want %d", between, n, want)
		}
	}
}
