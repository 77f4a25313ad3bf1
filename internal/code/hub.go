package code

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

var (
	commitRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{40}$`) })
	hubIDRE  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$`) })
)

// hubs reports code and weights that come from elsewhere without being pinned.
func (v *view) hubs() {
	for _, c := range v.m.Calls {
		switch {
		case c.Partial:
		case c.Is("torch.hub.load"):
			v.torchHub(c)
		case c.Is("torch.hub.load_state_dict_from_url", "torch.utils.model_zoo.load_url", "torchvision._internally_replaced_utils.load_state_dict_from_url",
			"torchvision.models.utils.load_state_dict_from_url", "torch.hub.download_url_to_file"):
			v.fromURL(c)
		case v.pretrained(c):
			v.fromHub(c)
		case slices.ContainsFunc(c.Names, func(n string) bool {
			return slices.ContainsFunc(hosts, func(l string) bool { return strings.HasPrefix(n, l) })
		}):
			revision, known := v.text(c, -1, "revision")
			v.remoteCode(c, c.Names[0], "the model", known && commitRE().MatchString(revision))
		}
	}
}

// torchHub judges torch.hub.load, which imports the hubconf.py of a repository.
func (v *view) torchHub(c *pysrc.Invocation) {
	source, known := v.text(c, 2, "source")
	if known && source == "local" {
		return
	}
	repo, ok := v.text(c, 0, "repo_or_dir")
	_, ref, _ := strings.Cut(repo, ":")
	if ok && commitRE().MatchString(ref) {
		return
	}
	message := "torch.hub.load runs code of a repository at no fixed commit"
	if ok {
		message = "torch.hub.load runs the code of " + strconv.Quote(repo) + ", which is not pinned to a commit"
	}
	if slices.Contains(v.words(c, 3, "trust_repo"), "True") {
		message += ", and trust_repo=True asks nobody"
	}
	if slices.Contains(v.words(c, 6, "skip_validation"), "True") {
		message += ", and skip_validation=True does not ask whether the branch is the owner's"
	}
	v.found(hubUnpinned, c.Node, message)
}

// fromURL judges weights that are downloaded and unpickled in one go.
func (v *view) fromURL(c *pysrc.Invocation) {
	position, keyword := 4, "check_hash"
	if c.Is("torch.hub.download_url_to_file") {
		position, keyword = 2, "hash_prefix"
	}
	words := v.words(c, position, keyword)
	hashed := len(words) > 0 && !slices.Contains(words, "False") && !slices.Contains(words, "None")
	if c.Is("torch.hub.download_url_to_file") {
		if !hashed {
			v.found(urlUnchecked, c.Node, c.Names[0]+" takes what a URL gives without comparing a hash")
		}
		return
	}
	// Its weights_only is False where none is given, also since torch 2.6.
	only := slices.Equal(v.words(c, 6, "weights_only"), []string{"True"})
	switch {
	case hashed && only:
		return
	case hashed:
		v.foundAs(urlUnchecked, finding.Low, c.Node, c.Names[0]+" compares some digits of a hash, and unpickles what a URL gives without weights_only=True")
		return
	case only:
		v.found(urlUnchecked, c.Node, c.Names[0]+" takes what a URL gives without comparing a hash")
	default:
		v.found(urlUnchecked, c.Node, c.Names[0]+" takes what a URL gives without comparing a hash, and unpickles it without weights_only=True")
	}
	v.outside(c, "a download")
}

// fetchers download from the Hugging Face Hub.
var fetchers = []string{
	"huggingface_hub.hf_hub_download", "huggingface_hub.snapshot_download", "huggingface_hub.file_download.hf_hub_download",
	"transformers.pipeline", "datasets.load_dataset", "datasets.load.load_dataset",
}

// libraries have classes with from_pretrained.
var libraries = []string{"transformers.", "diffusers.", "peft.", "sentence_transformers.", "optimum.", "auto_gptq.", "trl."}

// hosts have classes and functions that are given trust_remote_code with a model.
var hosts = []string{
	"vllm.", "sglang.", "lmdeploy.", "langchain", "llama_index.", "haystack", "sentence_transformers.", "FlagEmbedding.", "unsloth.", "awq.", "gptqmodel.", "lm_eval.", "mlx_lm.",
}

// hubName is the name of the model that a call takes from the Hub, where it is written out.
func (v *view) hubName(c *pysrc.Invocation) (string, bool) {
	switch name := c.Names[0]; {
	case c.Is("transformers.pipeline"):
		return v.text(c, 1, "model")
	case strings.HasPrefix(name, "peft.") && strings.Contains(name, ".PeftM"): // behind the model that it adapts
		return v.text(c, 1, "model_id")
	}
	if id, known := v.text(c, 0, "pretrained_model_name_or_path"); known {
		return id, known
	}
	return v.text(c, 0, "repo_id")
}

func (v *view) pretrained(c *pysrc.Invocation) bool {
	if c.Is(fetchers...) {
		return true
	}
	return slices.ContainsFunc(c.Names, func(n string) bool {
		return (strings.HasSuffix(n, ".from_pretrained") || strings.HasSuffix(n, ".from_config") || strings.HasSuffix(n, ".SentenceTransformer")) &&
			slices.ContainsFunc(libraries, func(l string) bool { return strings.HasPrefix(n, l) })
	})
}

// fromHub judges a model that the Hub gives.
func (v *view) fromHub(c *pysrc.Invocation) {
	name := c.Names[0]
	revision, pinned := v.text(c, -1, "revision")
	pinned = pinned && commitRE().MatchString(revision)
	id, known := v.hubName(c)
	if c.Is("datasets.load_dataset", "datasets.load.load_dataset") {
		known = known && strings.Contains(id, "/") // else it may be a format, such as csv
	}
	what := "a model of the Hub"
	if known {
		what = strconv.Quote(id)
	}
	v.remoteCode(c, name, what, pinned)
	at := " at no fixed revision"
	if revision != "" && !pinned {
		at = " at the revision " + strconv.Quote(revision) + ", a branch or a tag, which can be moved"
	}
	// A name that is a path on this machine is pinned by whoever keeps the machine.
	if known && hubIDRE().MatchString(id) && !pinned && (revision != "" || !given(c, -1, "revision")) && !slices.Contains(v.words(c, -1, "local_files_only"), "True") {
		v.found(hubRevision, c.Node, name+" takes "+what+at)
		if v.weights(c) {
			v.outside(c, "a download from the Hub")
		}
	}
}

// remoteCode judges what a call is told of code that comes with a model.
func (v *view) remoteCode(c *pysrc.Invocation, name, what string, pinned bool) {
	switch words := v.among(c, "trust_remote_code"); {
	case slices.Contains(words, "True") && v.asked(c):
		v.foundAs(remoteCode, finding.Low, c.Node, "whether "+name+" runs the Python code that comes with "+what+" is decided elsewhere")
	case slices.Contains(words, "True") && pinned:
		v.foundAs(remoteCode, finding.Medium, c.Node, name+" runs the Python code that comes with "+what)
	case slices.Contains(words, "True"):
		v.found(remoteCode, c.Node, name+" runs the Python code that comes with "+what+", as it is on the day of the download")
	case slices.Contains(words, "") && given(c, -1, "trust_remote_code"):
		v.foundAs(remoteCode, finding.Low, c.Node, "whether "+name+" runs the Python code that comes with "+what+" is decided elsewhere")
	}
}

// among are the constants that an argument may be, also as an item of a dictionary of
// arguments: model_kwargs={"trust_remote_code": True}.
func (v *view) among(c *pysrc.Invocation, name string) []string {
	out := v.words(c, -1, name)
	for _, k := range c.Node.Keywords {
		d, ok := k.Value.(*pysrc.Dict)
		if !ok || !strings.HasSuffix(k.Name, "kwargs") {
			continue
		}
		for i, key := range d.Keys {
			if text, ok := key.(*pysrc.Str); ok && text.Value == name {
				out = append(out, v.wordsOf(pysrc.Arg{Expr: d.Values[i], Scope: c.Scope})...)
			}
		}
	}
	return out
}

// asked reports whether the True of trust_remote_code is put among the keywords only
// where something of that name is true:
// if args.trust_remote_code: kwargs["trust_remote_code"] = True
func (v *view) asked(c *pysrc.Invocation) bool {
	body := v.f.Body
	if fn := c.Scope.Function(); fn != nil {
		body = fn.Func.Body
	}
	return !slices.ContainsFunc(c.Node.Keywords, func(k pysrc.Keyword) bool { return k.Name == "trust_remote_code" }) &&
		setsUnder(body, "trust_remote_code", false)
}

// setsUnder reports whether a block sets an item of a name, and only under a condition
// that names it.
func setsUnder(list []pysrc.Stmt, name string, under bool) (yes bool) {
	for _, s := range list {
		switch s := s.(type) {
		case *pysrc.Assign:
			for _, t := range s.Targets {
				sub, ok := t.(*pysrc.Subscript)
				if !ok {
					continue
				}
				if key, text := sub.Index.(*pysrc.Str); text && key.Value == name {
					return under
				}
			}
		case *pysrc.If:
			for _, b := range s.Branches {
				if setsUnder(b.Body, name, under || b.Test != nil && mentions(b.Test, name)) {
					return true
				}
			}
			continue
		}
		pysrc.Blocks(s, func(inner []pysrc.Stmt) { yes = yes || setsUnder(inner, name, under) })
		if yes {
			return true
		}
	}
	return false
}

func mentions(e pysrc.Expr, name string) (yes bool) {
	pysrc.Walk(e, func(e pysrc.Expr) bool {
		switch e := e.(type) {
		case *pysrc.Name:
			yes = yes || e.ID == name
		case *pysrc.Attribute:
			yes = yes || e.Attr == name
		}
		return !yes
	})
	return yes
}
