package importer

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/destination"
	"rehome/internal/forge"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/remote"
	"rehome/internal/store"
)

// forgeEnd is a repository on a forge elsewhere.
type forgeEnd struct {
	*worker
	to   store.Destination
	at   remote.Location
	have struct {
		head  string // what HEAD named when it was read last
		empty bool
		left  bool // refs of a push in several steps that was interrupted
	}
}

func (w *worker) forgeEnd(d destinationRow) (end, error) {
	at, err := w.locate(d)
	if err != nil {
		return nil, err
	}
	return &forgeEnd{worker: w, to: d.Destination, at: at}, nil
}

func (f *forgeEnd) refs(ctx context.Context) ([]repo.Ref, string, error) {
	s, err := f.Forge.Read(ctx, f.at)
	if rehome.CodeOf(err) == rehome.DestinationMissing && f.to.Create {
		if err := f.create(ctx); err != nil {
			return nil, "", err
		}
		s, err = f.Forge.Read(ctx, f.at)
	}
	if err != nil {
		return nil, "", missingAt(err, f.to.Create)
	}
	f.have.head, f.have.empty, f.have.left = s.Head, len(s.Refs) == 0, s.Left()
	return s.Refs, s.Head, nil
}

// create makes the repository as the import needs it.
func (f *forgeEnd) create(ctx context.Context) error {
	if err := f.stillOurs(ctx); err != nil {
		return err
	}
	known, err := f.facts(ctx)
	if err != nil {
		return err
	}
	format, err := object.ParseFormat(known.Format)
	if err != nil {
		return err
	}
	return f.Forge.Create(ctx, f.at, forge.NewRepository{
		Visibility: f.to.Visibility, DefaultBranch: cmp.Or(f.row.Options.DefaultBranch, strings.TrimPrefix(known.Head, "refs/heads/")), Format: format,
	})
}

func (f *forgeEnd) publish(ctx context.Context, done *finished, p publication) ([]destination.Refusal, error) {
	if err := f.checkLFS(ctx, done.lfs); err != nil {
		return nil, err
	}
	objects, err := lfsObjects(done.lfs)
	if err != nil {
		return nil, err
	}
	if err := f.checkFiles(ctx, done); err != nil {
		return nil, err
	}
	if len(p.updates) == 0 && len(objects) == 0 && !f.have.left {
		if p.partly {
			return nil, nil // what was fetched for others' refs did not go there
		}
		return nil, f.keepPushed(ctx, done.repo)
	}
	sent := &pushed{}
	if !f.have.empty {
		sent = f.openPushed(ctx, done.repo.Format())
	}
	defer sent.close()
	noted := make(map[string]store.WrittenRef, len(p.wrote))
	maps.Copy(noted, p.wrote)
	p.wrote = noted
	o := inOrder(p.updates, f.have.head)
	meter := f.newPushMeter(ctx, int64(len(objects)))
	defer meter.keepTelling(ctx)()
	res, err := f.Forge.Push(ctx, destination.Push{
		Location: f.at, From: done.repo, Updates: o.now, Keep: o.keep, Head: p.head, Whole: p.first, Limit: f.PushLimit,
		Before: func(ctx context.Context, step []repo.Update) error { return f.noteStep(ctx, step, p) },
		Known:  sent.packs, Has: sent.has(), Objects: objects, Progress: meter.read,
	})
	if err != nil {
		return nil, err // the repository is there, for its refs were read: what is missing may be its Git LFS
	}
	if len(res.Refused) > 0 {
		return res.Refused, nil
	}
	if err := f.keepPushed(ctx, done.repo); err != nil {
		return nil, err
	}
	return f.dropHead(ctx, done, o.last, p.head)
}

// noteStep stores what a step of a push in several is about to write, so that a successor knows that for ours, too. For a push in
// one that was done before, and it is made sure only that there is no successor.
func (f *forgeEnd) noteStep(ctx context.Context, step []repo.Update, p publication) error {
	if step == nil {
		return f.stillOurs(ctx)
	}
	asked := make(map[string]bool, len(p.updates))
	for _, u := range p.updates {
		asked[u.Name] = true
	}
	// not those that the steps make for themselves
	ours := slices.DeleteFunc(slices.Clone(step), func(u repo.Update) bool { return !asked[u.Name] })
	noted := writing(ours, p.wrote)
	for _, w := range noted { // where this step leads, the next one begins
		p.wrote[w.Name] = w
	}
	return f.advance(ctx, func(t *store.Tx, i *store.Import) error {
		return t.SetWritten(ctx, i.RepositoryID, noted)
	})
}

// stillOurs is an error once another has the import: whoever stood still is to change nothing more at a forge.
func (f *forgeEnd) stillOurs(ctx context.Context) error { return f.DB.Renew(ctx, f.lease, f.leaseFor) }

func lfsObjects(rows []store.LFSObject) ([]lfs.Object, error) {
	seen := make(map[lfs.OID]bool, len(rows))
	var all []lfs.Object
	for _, o := range rows {
		oid, err := lfs.ParseOID(o.OID)
		if err != nil {
			return nil, err
		}
		if !seen[oid] {
			seen[oid] = true
			all = append(all, lfs.Object{OID: oid, Size: o.Size})
		}
	}
	return all, nil
}

func (f *forgeEnd) hasLFS(ctx context.Context, rows []store.LFSObject) error {
	objects, err := lfsObjects(rows)
	if err != nil {
		return err
	}
	missing, err := f.Forge.CheckLFS(ctx, f.at, objects)
	if err != nil || len(missing) == 0 {
		return err
	}
	var names []string
	for _, o := range missing {
		names = append(names, o.OID.String())
	}
	return &rehome.Error{
		Code:    rehome.DestinationRefused,
		Message: fmt.Sprintf("The destination was asked for the Git LFS objects that it was sent and lacks %d of %d: %s.", len(names), len(objects), named(names)),
		Hint:    "Start the import again; if that does not help, ask whoever runs the destination.",
	}
}

// settled sets the default branch where the push alone has not done so.
func (f *forgeEnd) settled(ctx context.Context, head string) ([]rehome.Warning, error) {
	if _, now, err := f.refs(ctx); err != nil || head == "" || now == head || f.have.empty {
		return nil, err // where there is no branch at all, none can be the default one, and forges take the first that comes
	}
	if err := f.stillOurs(ctx); err != nil {
		return nil, err
	}
	branch := strings.TrimPrefix(head, "refs/heads/")
	err := f.Forge.SetDefaultBranch(ctx, f.at, branch)
	if ctx.Err() != nil {
		return nil, err
	}
	if err == nil { // a forge may say so, and let HEAD be what it was
		if _, now, err := f.refs(ctx); err != nil || now == head {
			return nil, err
		}
		err = &rehome.Error{Message: "The forge was asked to change it, and those who clone still get the other one.", Hint: "Set another one there by hand, and then this one."}
	}
	e := rehome.AsError(err)
	warned := []rehome.Warning{{
		Kind: warnDefaultBranch, Count: 1,
		Text: fmt.Sprintf("The default branch of the destination is %q, not %q. %s %s", rehome.Clean(strings.TrimPrefix(f.have.head, "refs/heads/"), 200), rehome.Clean(branch, 200), e.Message, e.Hint),
	}}
	return warned, nil
}

func (f *forgeEnd) about() endFacts {
	return endFacts{url: f.at.String(), where: f.at, divergence: f.to.OnDivergence}
}
