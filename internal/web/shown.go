package web

import "net/url"

// Forms bring along what they showed, so that two of one page do not undo each other: what was left as it was shown stays as it is now.

// keep takes what is so now for what was left as it was shown.
func keep[T comparable](is *T, shown, now T) {
	if *is == shown {
		*is = now
	}
}

// shownOf is what fields show, for their form to bring along.
func shownOf(fields []optionField) string {
	shown := url.Values{}
	for _, f := range fields {
		switch {
		case f.Kind == "password" || f.Kind == "secret":
		case f.Kind != "check":
			shown.Set(f.Name, f.Value)
		case f.On:
			shown.Set(f.Name, "1")
		}
	}
	return shown.Encode()
}

// shownBy is what a form says that it showed; false where it says nothing, as that of a script.
func shownBy(v *visit) (get func(string) string, ok bool) {
	shown, err := url.ParseQuery(v.r.PostFormValue("shown"))
	return shown.Get, err == nil && len(shown) > 0
}

// since is the form over what is so now: what it has as it was shown was not changed in it, whatever became of it elsewhere.
func (o optionForm) since(shown, now optionForm) optionForm {
	for _, b := range []struct {
		is         *bool
		shown, now bool
	}{
		{&o.Hold, shown.Hold, now.Hold},
		{&o.Prune, shown.Prune, now.Prune},
		{&o.MapTrailers, shown.MapTrailers, now.MapTrailers},
		{&o.MapHashes, shown.MapHashes, now.MapHashes},
		{&o.AllowMissingLFS, shown.AllowMissingLFS, now.AllowMissingLFS},
	} {
		keep(b.is, b.shown, b.now)
	}
	keep(&o.Refs, shown.Refs, now.Refs)
	keep(&o.ExcludeRefs, shown.ExcludeRefs, now.ExcludeRefs)
	keep(&o.DefaultBranch, shown.DefaultBranch, now.DefaultBranch)
	keep(&o.Verify, shown.Verify, now.Verify)
	if o.Sync == shown.Sync && o.Minutes == shown.Minutes {
		o.Sync, o.Minutes = now.Sync, now.Minutes
	}
	return o
}
