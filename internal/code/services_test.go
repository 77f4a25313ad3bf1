package code

import (
	"strconv"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
)

func TestServices(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       string // rules and lines
	}{
		{"Dockerfile", "FROM python:3.12\nRUN python -m pip install torch\nCMD [\"python\", \"serve.py\"]\n", "PY083:3"},
		{"Dockerfile", "cmd python serve.py\n", "PY083:1"},
		{"Dockerfile", "ENTRYPOINT [\"/usr/bin/andiron\", \"exec\", \"--\"]\nCMD [\"python\", \"serve.py\"]\n", "PY082:1"},
		{"Dockerfile", "ENTRYPOINT andiron exec -- gunicorn app:app\n", "PY082:1"},
		{"Dockerfile", "CMD [\"nginx\"]\n", ""},
		{"Dockerfile", "ENTRYPOINT [\"python\", \"andiron\", \"exec\"]\n", "PY083:1"},
		{"Dockerfile", "CMDS python\n", ""},
		{"compose.yaml", "services:\n  app:\n    command: uvicorn app:app\n  db:\n    command: postgres\n", "PY083:3"},
		{"compose.yaml", "services:\n  app:\n    command: [andiron, exec, --, uvicorn, app:app]\n", "PY082:3"},
		{"pod.yaml", "spec:\n  containers:\n  - name: app\n    command:\n    - andiron\n    - exec\n    - --\n    args: [\"python\", \"serve.py\"]\n", "PY082:4"},
		{"pod.yaml", "spec:\n  containers:\n  - command:\n    - python3.12\n    - serve.py\n    image: x\n", "PY083:3"},
		{"app.service", "ExecStart=/srv/venv/bin/gunicorn app:app\n", "PY083:1"},
		{"app.service", "ExecStart=/usr/bin/andiron exec --project /srv/app -- gunicorn app:app\n", "PY082:1"},
		{"Procfile", "web: gunicorn app:app\nrelease: ./migrate\n", "PY083:1"},
		{"supervisord.conf", "[program:app]\ncommand=python serve.py\n", "PY083:2"},
		{"build.sh", "andiron sandbox load m.pt -o m.safetensors\n# andiron sandbox load x\n", "PY081:1"},
		{"Makefile", "m.safetensors: m.pt\n\tbin/andiron sandbox load $< -o $@\n", "PY081:2"},
		{"Makefile", "x:\n\tandiron sandbox doctor\n", ""},
		{"compose.yaml", "services:\n  a: {image: x, command: andiron exec -- python app.py}\n  b: {image: x, entrypoint: [python], command: app.py}\n", "PY082:2 PY083:3"},
		{"compose.yaml", "services:\n  a:\n    entrypoint: [andiron, exec, --]\n  b:\n    command: python app.py\n", "PY082:3 PY083:5"},
		{"pod.yaml", "spec:\n  containers:\n  - command: [sh, -c]\n    args:\n    - |\n      cd /srv\n      exec python serve.py\n", "PY083:3"},
		{"pod.yaml", "command: [sh]\n---\nargs: >\n  andiron exec\n  -- python serve.py\n", "PY082:3"},
		{"chart.yaml", "{{ if x }}\ncommand: [\"python\", \"serve.py\"]\n{{ end }}\n", "PY083:2"},
		{"Dockerfile", "CMD uv run \\\n  serve.py\n", "PY083:1"},
		{"Dockerfile", "CMD [\"andiron\", \"exec\", \\\n  \"--\", \"python\", \"serve.py\"]\n", "PY082:1"},
		{"Dockerfile", "HEALTHCHECK --interval=9s \\\n  CMD python probe.py\n", ""},
		{"entrypoint.sh", "#!/bin/sh\npython -m migrate\nexec gunicorn app:app\n", "PY083:3"},
		{"entrypoint.sh", "exec andiron exec -- gunicorn app:app\n", "PY082:1"},
		{"Dockerfile", "CMD andiron exec -- python migrate.py && python svc.py\n", "PY083:1"},
		{"Dockerfile", "CMD andiron exec -- python migrate.py&&python svc.py\n", "PY083:1"},
		{"Dockerfile", "ENTRYPOINT [\"sh\",\"-c\",\"andiron exec -- python migrate.py; exec python svc.py\"]\n", "PY083:1"},
		{"Dockerfile", "ENTRYPOINT [\"sh\",\"-c\",\"andiron exec -- python migrate.py; exec andiron exec -- python svc.py\"]\n", "PY082:1"},
		{"Dockerfile", "CMD cd /srv && exec andiron exec -- gunicorn svc:app\n", "PY082:1"},
		{"Dockerfile", "CMD cd /srv && \\\n    exec andiron exec -- gunicorn svc:app\n", "PY082:1"},
		{"Dockerfile", "CMD andiron exec -- true || \\\n    gunicorn svc:app\n", "PY083:1"},
		{"Dockerfile", "CMD andiron exec -- sh -c 'python migrate.py; exec python svc.py'\n", "PY082:1"},
		{"Dockerfile", "CMD [\"andiron\", \"exec\", \"--\", \"sh\", \"-c\", \"python a.py && python b.py\"]\n", "PY082:1"},
		{"Dockerfile", "CMD (andiron exec -- python a.py) & python b.py\n", "PY083:1"},
		{"Dockerfile", "CMD andiron exec -- gunicorn svc:app 2>&1 | tee log # && python b.py\n", "PY082:1"},
		{"Dockerfile", "ENTRYPOINT [\"tini\", \"--\", \"env\", \"A=b\", \"andiron\", \"exec\", \"--\", \"gunicorn\", \"svc:app\"]\n", "PY082:1"},
		{"Dockerfile", "ENTRYPOINT [\"andiron\", \"exec\", \"--\"]\nCMD [\"sh\", \"-c\", \"python a.py; python b.py\"]\n", "PY082:1"},
		{"Dockerfile", "CMD nginx -g \"daemon off;\"\n", ""},
		{"Procfile", "web: andiron exec --best-effort -- true; gunicorn svc:app\n", "PY083:1"},
		{"Procfile", "web: andiron exec --best-effort -- true\nworker: gunicorn svc:app\n", "PY082:1 PY083:2"},
		{"Procfile", "web: cd srv; andiron exec -- gunicorn svc:app\n", "PY082:1"},
		{"app.service", "ExecStart=/bin/sh -c \"echo andiron exec --; python3 /srv/app/svc.py\"\n", "PY083:1"},
		{"app.service", "ExecStart=/bin/sh -c \"echo starting; exec andiron exec -- python3 /srv/app/svc.py\"\n", "PY082:1"},
		{"app.service", "ExecStart=/bin/echo andiron exec -- python3\n", ""},
		{"supervisord.conf", "command=bash -lc 'source env && andiron exec -- celery -A app worker'\n", "PY082:1"},
		{"pod.yaml", "command: [sh, -c]\nargs:\n- |\n  andiron exec -- python migrate.py\n  exec python serve.py\n", "PY083:1"},
		{"pod.yaml", "command: [sh, -c]\nargs:\n- |\n  cd /srv\n  exec andiron exec -- \\\n    python serve.py\n", "PY082:1"},
		{"compose.yaml", "services:\n  a:\n    entrypoint: [andiron, exec, --]\n    command: sh -c \"python a.py; python b.py\"\n", "PY082:3"},
		{"andiron.yaml", "version: 1\nexec:\n  bind: [8000]\n  mode: report\n", "PY083:4"},
		{"andiron.yaml", "version: 1\nexec: {mode: enforce}\n", ""},
		{"andiron.yaml", "version: [\n", ""},
		{"odd.yaml", "command:\n- \n-\ncommand\nargs:", ""},
	} {
		var got []string
		l := &looker{out: func(f finding.Finding) { got = append(got, f.Rule+":"+strconv.Itoa(f.Where.Line)) }, kept: map[string]int{}}
		l.services(c.name, []byte(c.text))
		l.sandboxed(c.name, []byte(c.text))
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %q: %s, want %s", c.name, c.text, s, c.want)
		}
	}
}
