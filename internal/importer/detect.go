package importer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/store"
)

// detect is the first step of an import whose version control system is not known. Where
// the source has several projects, somebody has to choose one.
func (w *worker) detect(ctx context.Context) error {
	l, err := w.location()
	if err != nil {
		return err
	}
	found, err := detect(ctx, w.Source, l)
	if err != nil {
		return err
	}
	choices := fitToChoose(found.Choices)
	if found.VCS == "" && len(choices) == 0 {
		return &rehome.Error{Code: rehome.NotARepository, Message: "The source has no project that can be imported."}
	}
	return w.advance(ctx, func(_ *store.Tx, i *store.Import) error {
		if i.State.Status != rehome.Detecting {
			return store.ErrUnchanged // somebody named it meanwhile
		}
		is := rehome.ProjectChoice{VCS: found.VCS, TFVCProject: i.Source.TFVCProject}
		if len(choices) > 0 {
			one, ok := obvious(choices, i.Source.TFVCProject)
			if !ok {
				i.State = rehome.State{Status: rehome.DetectionFoundMultiple, Choices: choices}
				i.Attempts = 0
				return nil
			}
			is = one
		}
		i.Source.VCS, i.Source.TFVCProject = is.VCS, is.TFVCProject
		become(i, rehome.Importing)
		i.State.Note = ""
		return nil
	})
}

// detectionOrder is in which order readers are asked.
var detectionOrder = []rehome.VCS{rehome.Git, rehome.Subversion, rehome.Mercurial, rehome.TFVC}

// detect asks each reader in turn what answers at l. When none knows it, an answer that
// wants credentials counts more than one that is no repository, and that more than none.
func detect(ctx context.Context, readers map[rehome.VCS]source.Source, l remote.Location) (source.Found, error) {
	worst := error(&rehome.Error{Code: rehome.NotARepository, Message: "There is no reader for any version control system."})
	weight := -1
	for _, vcs := range detectionOrder {
		if readers[vcs] == nil {
			continue
		}
		found, err := readers[vcs].Detect(ctx, l)
		if err == nil {
			return found, nil
		}
		n := 0
		switch code := rehome.CodeOf(err); {
		case isAboutCredentials(code):
			n = 2
		case code == rehome.NotARepository:
			n = 1
		}
		if n > weight {
			worst, weight = err, n
		}
	}
	return source.Found{}, worst
}

// maxChoices bounds what is stored and shown of a source's projects.
const maxChoices = 1000

// fitToChoose leaves out of a source's projects those that no request could name, or not
// apart from another, and makes what people read of the others fit to show.
func fitToChoose(found []rehome.ProjectChoice) []rehome.ProjectChoice {
	var fit []rehome.ProjectChoice
	for _, one := range found[:min(len(found), maxChoices)] {
		_, known := rehome.ParseVCS(string(one.VCS))
		twice := slices.ContainsFunc(fit, func(f rehome.ProjectChoice) bool {
			return f.VCS == one.VCS && f.TFVCProject == one.TFVCProject
		})
		if !known || twice || checkProject(one.TFVCProject) != nil {
			continue
		}
		one.HumanName = rehome.Clean(one.HumanName, maxProject)
		fit = append(fit, one)
	}
	return fit
}

// obvious returns the choice that needs nobody to make it: the only one, or the one of the
// project that was named before.
func obvious(choices []rehome.ProjectChoice, project string) (rehome.ProjectChoice, bool) {
	if len(choices) == 1 {
		return choices[0], true
	}
	if project == "" {
		return rehome.ProjectChoice{}, false
	}
	one, err := chosen(choices, nil, &project)
	return one, err == nil
}

// chosen returns the one of the choices that has the version control system and the project; nil is
// any. Without a project the one that has none comes first. Invalid, with the choices there are, where
// it is none of them or could be several.
func chosen(choices []rehome.ProjectChoice, vcs *rehome.VCS, project *string) (rehome.ProjectChoice, error) {
	var fits []rehome.ProjectChoice
	for _, one := range choices {
		switch {
		case vcs != nil && one.VCS != *vcs, project != nil && one.TFVCProject != *project:
		case vcs != nil && project == nil && one.TFVCProject == "":
			return one, nil
		default:
			fits = append(fits, one)
		}
	}
	if len(fits) == 1 {
		return fits[0], nil
	}
	e := &rehome.Error{
		Code: rehome.Invalid, Field: "tfvc_project",
		Message: "The source has no such project. It has " + listed(choices) + ".",
		Hint:    "Give vcs and tfvc_project of one of project_choices.",
	}
	if project == nil {
		e.Field = "vcs"
	}
	if len(fits) > 1 {
		e.Message = "That could be each of these projects: " + listed(fits) + "."
	}
	return rehome.ProjectChoice{}, e
}

// listed gives choices as people know them, the first ten of many.
func listed(choices []rehome.ProjectChoice) string {
	const most = 10
	var names []string
	for _, one := range choices[:min(len(choices), most)] {
		name := one.HumanName
		if name == "" {
			name = or(one.TFVCProject, string(one.VCS))
		}
		names = append(names, name)
	}
	text := strings.Join(names, ", ")
	if rest := len(choices) - most; rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}
