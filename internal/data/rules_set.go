package data

import (
	"fmt"
	"slices"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

// dataPage is where the looks at a data set are explained.
const dataPage = "docs/spec/data-v1.md"

var tenTorn = &rule.Rule{
	ID:       "TEN014",
	Title:    "sample that is there twice with different labels",
	Strategy: finding.InputValidation,
	Severity: finding.Medium,
	Text: `The same values, bit for bit, are in the data set more than once, and have more than one label.

At least one of the labels is wrong. Somebody who turns labels by adding samples, and somebody who labels in haste, leave the same trace; a model that learns both learns neither.`,
	Fix:   "find out which label is right, and take the others out",
	Since: "0.1.0",
	Refs:  []string{dataPage},
}

var tenTwice = &rule.Rule{
	ID:       "TEN015",
	Title:    "sample that is there more than once",
	Strategy: finding.InputValidation,
	Severity: finding.Low,
	Text: `The same values, bit for bit, are in the data set more than once, with one label.

What is there often is learned by heart. Between training and test data, copies make a model look better than it is; and repeating a sample is the simplest way to give it weight.`,
	Fix:   "keep one of them, unless it is meant to count more",
	Since: "0.1.0",
	Refs:  []string{dataPage},
}

var tenNear = &rule.Rule{
	ID:       "TEN016",
	Title:    "images or texts that are nearly the same with different labels",
	Strategy: finding.InputValidation,
	Severity: finding.Low,
	Text: `Two images whose light and dark parts are the same, though their pixels are not, have different labels; or texts that have most pairs of neighbouring words in common have.

It is a hint, not a proof: a difference hash sees coarse structure, and two digits may share it; and one word can turn what a text says.`,
	Fix:   "look at both, and correct the label that is wrong",
	Since: "0.1.0",
	Refs:  []string{dataPage},
}

var tenOutlier = &rule.Rule{
	ID:       "TEN017",
	Title:    "sample far from all others",
	Strategy: finding.InputValidation,
	Severity: finding.Low,
	Text:     `The mean or the standard deviation of a sample lies more than eight robust deviations from the median of the data set, or of the samples with the same label (from 100 samples on, and with at least half of the deviation of the set, so that a label whose samples are much alike raises no alarm): a blank image, a broken sensor, values in another unit, or an attack that is not subtle. Attacks that are chosen with care stay near the others and are not found like this.`,
	Fix:      "look at the samples, and take out what is broken",
	Since:    "0.1.0",
	Refs:     []string{dataPage},
}

var tenPatch = &rule.Rule{
	ID:       "TEN018",
	Title:    "patch of pixels that tells the label",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `The same few pixels are found on images that are otherwise unlike each other, and nearly all of those have one label, which chance and the pictures themselves do not explain.

A model learns to look for such a patch. Whoever planted it can then have any image taken for that label by adding it: a backdoor that no test on clean images shows. A watermark or a date that one source of pictures prints looks the same, and is learned the same. What is not found: patches of which more than 5 % are on pictures with another label, patterns that differ from sample to sample, that are blended into the whole picture, that were compressed or resized after they were stamped, and labels that were turned without a mark.`,
	Fix:   "look at the samples; take out what was stamped, and find out where it came from",
	Since: "0.1.0",
	Refs:  []string{dataPage, "https://arxiv.org/abs/1708.06733"},
}

var tenNearText = &rule.Rule{
	ID:       "TEN023",
	Title:    "texts that are nearly the same",
	Strategy: finding.InputValidation,
	Severity: finding.Low,
	Text: `Texts that are not the same have most pairs of neighbouring words in common: one was made of the other, or all of one form.

What is there often is learned by heart, a little changed or not, and who wants a model to learn something writes it in many ways. Between training and test data, such texts make a model look better than it is. Texts of fewer than eight words are not compared, and what says the same in other words is not found.`,
	Fix:   "keep one of them, unless they are meant to be there",
	Since: "0.1.0",
	Refs:  []string{dataPage},
}

var tenNoNumbers = &rule.Rule{
	ID:       "TEN024",
	Title:    "NaN or infinity in a data set without a schema",
	Strategy: finding.InputValidation,
	Severity: finding.Low,
	Text: `A column has values that are no finite numbers, and no schema says whether they may be there.

One of them is enough to make the loss, and then every weight, NaN. In tables a NaN often stands for a value that is missing.`,
	Fix:   "hold the set against a schema, which names the samples: andiron data check --schema; nonfinite there says what is allowed",
	Since: "0.1.0",
	Refs:  []string{dataPage},
}

var tenRelabelled = &rule.Rule{
	ID:       "TEN019",
	Title:    "sample with another label than in the baseline",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `A sample is in the baseline with the same values and another label.

Turned labels are the cheapest poison: nothing about the sample itself shows it.`,
	Fix:   "have somebody answer for the new label, then write the baseline anew",
	Since: "0.1.0",
	Refs:  []string{dataPage},
}

var tenChanged = &rule.Rule{
	ID:       "TEN020",
	Title:    "sample that is not as it was in the baseline",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `A sample of the baseline is gone, or other values stand where it stood.

Data that are fetched again from where they once were, from an expired domain or an edited page, are the ones that an attacker can change.`,
	Fix:   "find out who changed the data, then write the baseline anew",
	Since: "0.1.0",
	Refs:  []string{dataPage, "https://arxiv.org/abs/2302.10149"},
}

var tenAdded = &rule.Rule{
	ID:       "TEN021",
	Title:    "sample that is not in the baseline",
	Strategy: finding.InputValidation,
	Severity: finding.Low,
	Text:     `A data set has samples that its baseline does not have. Sets grow; nobody has answered for these yet.`,
	Fix:      "write the baseline anew once the samples have been looked at",
	Since:    "0.1.0",
	Refs:     []string{dataPage},
}

var tenUnsearched = &rule.Rule{
	ID:       "TEN022",
	Title:    "look at the set that was left out, or taken at a part of it",
	Strategy: finding.InputValidation,
	Severity: finding.Info,
	Text: `Patches that tell the label were looked for on a part of the images, or on none: they differ in size, they are too few, too small or too coarse for one to stand out, or there are more than are kept in memory, or a column with several dimensions has none that are known: clips, volumes, more than seven channels, pixels in one row. Of too many, those that are looked at are drawn by chance from the whole set, always the same ones: a patch on enough samples is on enough of those as well, wherever they stand.

Nothing is known about the others. What lies beside the data in a folder and is called as what a system leaves or what is written for readers (.DS_Store, README.md) is passed over, and named, and so are the entries of a file of torch.save that are numbers and texts. Where no column is known to have labels, there are none to contradict each other, and no patches are looked for. With --schema-only there is no look at the set as a whole: no copies, outliers, patches or distributions.`,
	Fix:   "bring the images to one size, check the set in parts, name the labels with --label, or leave --schema-only out",
	Since: "0.1.0",
	Refs:  []string{dataPage},
}

var tenReach = &rule.Rule{
	ID:       "TEN025",
	Title:    "what the search for patches finds",
	Strategy: finding.InputValidation,
	Severity: finding.Info,
	Text: `Patches that tell the label were looked for. The finding says on how many samples one has to be to be seen, of this set and whichever label it is for, where all pictures that have it have that label, and names what the search does not find at all.

A set in which no patch was found may still be poisoned with fewer samples, or in one of those ways.`,
	Fix:   "take data from who answers for them, and compare them with a baseline; what is in the evidence needs other means, such as a look at what a trained model has learnt",
	Since: "0.1.0",
	Refs:  []string{dataPage},
}

// Unlooked says that samples were held against the schema and against nothing else.
func Unlooked(name string) finding.Finding {
	return tenUnsearched.Finding(finding.Where{Path: name}, "the set was not looked at as a whole: no copies, outliers, patches or distributions")
}

// Beside says which files of a folder of data are none.
func Beside(root string, files []string) finding.Finding {
	f := tenUnsearched.Finding(finding.Where{Path: root}, fmt.Sprintf("passed over beside the data, as called what is none: %.80q%s", files[0], andMore(len(files)-1, "file", "files")))
	f.Evidence = firstFiles(files)
	f.Fix = ""
	return f
}

// Passed says which files of a folder of data were not read, though they may be data.
func Passed(root string, files []string) finding.Finding {
	f := tenPartly.Undetermined(finding.Where{Path: root}, fmt.Sprintf("not looked at, for it is of another kind than the data: %.80q%s", files[0], andMore(len(files)-1, "file", "files")))
	f.Evidence = firstFiles(files)
	f.Fix = "name them as a set of their own, or move them out of the folder"
	return f
}

// Linked says which links of a folder of data lead to folders, that were not read.
func Linked(root string, links []string) finding.Finding {
	f := tenPartly.Undetermined(finding.Where{Path: root}, fmt.Sprintf("not looked at, for it is a link to a folder: %.80q%s", links[0], andMore(len(links)-1, "link", "links")))
	f.Evidence = firstFiles(links)
	f.Fix = "name the folders that they lead to as sets of their own, or put the folders in their place"
	return f
}

func andMore(n int, one, others string) string {
	if n == 0 {
		return ""
	}
	return " and " + counted(int64(n), "other "+one, "other "+others)
}

func firstFiles(files []string) []string {
	list := slices.Clone(files[:min(shownRows, len(files))])
	if more := len(files) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return list
}

var tenStanding = &rule.Rule{
	ID:       "TEN035",
	Title:    "Who signed the baseline",
	Strategy: finding.InputValidation,
	Severity: finding.Info,
	Text: `Data were compared with a baseline. The finding says which, and whether somebody who counts signed it.

Whoever may change a baseline that nobody signs can change the data as well, and nothing shows.`,
	Fix:   "sign it with andiron data baseline --key, and check with --key or require_signature in andiron.yaml",
	Since: "0.1.0",
	Refs:  []string{dataPage},
}

var tenPartly = &rule.Rule{
	ID:       "TEN091",
	Title:    "data set of which a part was not compared",
	Strategy: finding.InputValidation,
	Severity: finding.Medium,
	Verdict:  finding.Unreadable,
	Text:     `A data set has more samples than are kept a digest of. Duplicates and differences from a baseline were looked for among the first of them only. Or it has no column of the name that --label says, and nothing that labels tell was looked for. Or its folder has files of other kinds than the rest, which were not read: what trains on the folder may. Or a file of torch.save holds what may be data and is no tensor (an array of numpy, an object, a list as long as the tensors), or would do when it is loaded what is not known as harmless.`,
	Fix:      "check the set in parts, or raise --max-samples",
	Since:    "0.1.0",
	Refs:     []string{dataPage},
}
