package data

import (
	"fmt"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/contract"
	"github.com/andiron-dev/andiron/internal/tensorfile"
)

// Aside says what a torch file has beside the tensors that are looked at: what else
// loading it gives, and what it would call.
func Aside(name string, f *tensorfile.File) (list []finding.Finding) {
	where := finding.Where{Path: name}
	left, all := f.Left()
	var data, plain []string
	for _, l := range left {
		text := fmt.Sprintf("%.80q (%s)", l.Name, l.What)
		if l.Data {
			data = append(data, text)
		} else {
			plain = append(plain, text)
		}
	}
	if !all {
		data = append(data, "what comes behind the first entries")
	}
	if len(plain) > 0 {
		one := tenUnsearched.Finding(where, "no tensors, and not looked at: "+plain[0]+andMore(len(plain)-1, "entry", "entries"))
		one.Evidence, one.Fix = firstFiles(plain), ""
		list = append(list, one)
	}
	if len(data) > 0 {
		one := tenPartly.Undetermined(where, "no tensors, and not looked at, though they may hold data: "+data[0]+andMore(len(data)-1, "entry", "entries"))
		one.Evidence, one.Fix = firstFiles(data), "save them as tensors"
		list = append(list, one)
	}
	if call := calls(f); call != "" {
		one := tenPartly.Undetermined(where, "loading the file would do what is not known as harmless: "+call)
		one.Fix = "look at it with andiron scan before anything loads it"
		list = append(list, one)
	}
	return list
}

// calls is the worst of what the pickles of a torch file would do, if that is not known as
// harmless.
func calls(f *tensorfile.File) (text string) {
	tf := f.Torch()
	if tf == nil {
		return ""
	}
	worst := finding.Unknown
	for i := range tf.Pickles {
		j := contract.Judge(tf.Pickles[i].Trace, contract.Options{Container: string(tf.Format)})
		for _, issue := range j.Issues {
			if v := issue.Rule.Verdict; v == finding.Unknown && onlySets(j) {
				continue
			} else if v > worst || v == worst && text == "" {
				worst, text = v, issue.Message
			}
		}
	}
	return text
}

// onlySets reports whether all that nobody has reviewed is torch's own class of a set of
// tensors, which has no code that a file could choose.
func onlySets(j contract.Judgement) bool {
	for _, u := range j.Uses {
		if u.Tier == contract.TierUnknown && u.Name != "torch.utils.data.dataset.TensorDataset" {
			return false
		}
	}
	return true
}
