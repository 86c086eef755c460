package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/store"
)

// fingerprints are of the flags that processes of one server should be given alike, by their names: whichever takes an import up
// decides by its own. None has a secret.
func (f *serveFlags) fingerprints() map[string]string {
	proxy := f.network.proxy
	if u, err := url.Parse(proxy); err == nil {
		u.User = nil
		proxy = u.String()
	}
	trusted, err := os.ReadFile(f.network.caFile) // it may lie elsewhere on each machine
	if err != nil {
		trusted = nil
	}
	all := map[string]string{
		"destination": f.destination.template, "dest-user": f.destination.user, "create": fmt.Sprint(f.destination.create), "push-limit": f.destination.limit.String(),
		"allow-network": inOrder(f.network.allow.String()), "block-network": inOrder(f.network.block.String()), "allow-private-networks": fmt.Sprint(f.network.private),
		"ca-file": string(trusted), "proxy": proxy,
		"max-repository": f.limits.repository.String(), "max-objects": fmt.Sprint(f.limits.objects), "max-refs": fmt.Sprint(f.limits.refs), "allow-faults": f.limits.faults.String(),
		"large-files-over": f.largeOver.String(), "keep-raw": f.keep.raw.String(),
		"max-running-per-user": fmt.Sprint(f.role.running), "max-queued-per-user": fmt.Sprint(f.role.queued),
	}
	for name, value := range all {
		sum := sha256.Sum256([]byte(value))
		all[name] = hex.EncodeToString(sum[:6])
	}
	return all
}

// inOrder is a list between commas in the one order.
func inOrder(list string) string {
	parts := strings.Split(list, ",")
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// compareFlags warns of flags that differ from those of other processes which live. One with a host of its own may push
// elsewhere than the others.
func (p *parts) compareFlags(ctx context.Context) error {
	if !p.shares() {
		return nil
	}
	others, err := p.db.Processes(ctx)
	if err != nil {
		return err
	}
	ours := p.flags.fingerprints()
	for _, o := range others {
		if o.ID == p.folder.Name() {
			continue
		}
		if differ := differing(ours, o.Settings); len(differ) > 0 {
			p.log.Warn("another process of this server has other flags: give all the same", "process", o.Name, "role", o.Role, "flags", strings.Join(differ, ", "))
		}
	}
	return nil
}

// differing names flags whose fingerprints differ. One that only one of the two versions of Rehome has is left out.
func differing(a, b map[string]string) (names []string) {
	for name, print := range a {
		if other, known := b[name]; known && other != print {
			names = append(names, "--"+name)
		}
	}
	slices.Sort(names)
	return names
}

// refuseAmong refuses to bring a host among processes that have none, and never had one.
func (p *parts) refuseAmong(ctx context.Context) error {
	held, err := p.db.PostHeld(ctx, hostPost)
	if err != nil || held {
		return err
	}
	all, err := p.db.Processes(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(o store.Process) bool { return o.Role == roleAPI && o.ID != p.folder.Name() })
	if i < 0 {
		return nil
	}
	return &rehome.Error{
		Code: rehome.Invalid, Message: fmt.Sprintf("This database is that of processes with --role api and worker, which host nothing (one is %s).", all[i].Name),
		Hint: "Give --role api or worker. If the server is to have a built-in host, stop those with --role api, start this one, and then them again.",
	}
}
