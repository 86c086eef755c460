package web

import "rehome"

// Imports go into a repository that is there, too, where nothing is lost by it.

// named finds a repository by its name, where it is one the caller may import into; false where there is none.
func (w *Web) named(v *visit, owner, name string) (r rehome.Repository, ok bool, err error) {
	r, err = w.DB.Repository(v.r.Context(), owner, name)
	if err != nil && rehome.CodeOf(err) == rehome.NotFound {
		return r, false, nil
	}
	return r, err == nil && v.caller.CanWrite(r), err
}

// mayEnd reports whether an import found nothing at its address, so that another may take its place.
func mayEnd(i rehome.Import) bool {
	return i.State.Err != nil && askOf(i, i.State.Err.Code) == "address"
}

// fillIn puts into a form how the repository is that it names, and what was asked of the import there that may end.
func (w *Web) fillIn(v *visit, f *newImport) error {
	r, ok, err := w.named(v, f.Owner, f.Name)
	if err != nil || !ok {
		return err
	}
	f.Public = !r.Private
	d, err := w.Importer.Destination(v.r.Context(), r.ID)
	if err == nil {
		f.Destination, f.Options.Hold = destinationOf(d), true
	} else if rehome.CodeOf(err) != rehome.NotFound {
		return err
	}
	i, err := w.Importer.Get(v.r.Context(), r.ID)
	if err != nil && rehome.CodeOf(err) != rehome.NotFound {
		return err
	}
	if err == nil && mayEnd(i) {
		f.Instead, f.URL, f.Options = i.ID, i.Source.URL, optionsOf(i.Options)
	}
	return nil
}

// waiting finds the repository that a form names, where it is the caller's and has no import, or one that may end for this. It is refused where the
// form says otherwise than it is: what somebody takes for private is not to become public, nor to go where nobody looks for it.
func (w *Web) waiting(v *visit, f newImport) (r rehome.Repository, found bool, err error) {
	ctx := v.r.Context()
	r, ok, err := w.named(v, f.Owner, f.Name)
	if err != nil || !ok {
		return r, false, err
	}
	i, err := w.Importer.Get(ctx, r.ID)
	if err != nil && rehome.CodeOf(err) != rehome.NotFound {
		return r, false, err
	}
	if err == nil && (f.Instead != i.ID || !mayEnd(i)) {
		return r, false, nil // its name is taken
	}
	wrong := &rehome.Error{Code: rehome.Invalid, Field: "name", Hint: "Say so in the form, or choose another name."}
	switch d, err := w.Importer.Destination(ctx, r.ID); {
	case err != nil && rehome.CodeOf(err) != rehome.NotFound:
		return r, false, err
	case err == nil && f.Destination.URL == "":
		wrong.Message = r.FullName() + " is there already, and its imports go to " + d.URL + "."
	case w.Host != nil && f.Public && r.Private:
		wrong.Message = r.FullName() + " is there already, and it is not so that everybody may read it."
	case w.Host != nil && !f.Public && !r.Private:
		wrong.Message = r.FullName() + " is there already, and everybody may read it."
	default:
		return r, true, w.Importer.Room()
	}
	return r, false, wrong
}
