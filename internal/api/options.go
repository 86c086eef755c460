package api

import (
	"strings"
	"time"

	"rehome"
	"rehome/internal/importer"
	"rehome/internal/wire"
)

// readChoices returns what the form says of an import's options.
func readChoices(f *form) importer.Choices {
	return importer.Choices{
		Hold: f.boolean("hold"), MapTrailers: f.boolean("map_trailers"), MapHashes: f.boolean("map_hashes"),
		AllowMissingLFS: f.boolean("allow_missing_lfs"), Prune: f.boolean("prune"),
		Refs: f.texts("refs"), ExcludeRefs: f.texts("exclude_refs"), DefaultBranch: f.text("default_branch"),
		SyncEvery: f.seconds("sync_interval"), Verify: word(f, "verify", "refs, objects or bytes", rehome.ParseDepth),
	}
}

// word returns the one of some words under key, nil when there is none. An empty one is the zero value.
func word[T ~string](f *form, key, kinds string, parse func(string) (T, bool)) *T {
	text := f.text(key)
	if text == nil {
		return nil
	}
	value, ok := parse(*text)
	if !ok && *text != "" {
		f.fault(key, "invalid", key+" is not "+kinds)
		return nil
	}
	return &value
}

// seconds returns the whole number of seconds under key, nil when there is none.
func (f *form) seconds(key string) *time.Duration {
	n := read[int64](f, key, "a whole number of seconds")
	if n == nil {
		return nil
	}
	const most = 1 << 32 // whoever takes it refuses far less; a Duration holds it
	d := time.Duration(min(max(*n, -1), most)) * time.Second
	return &d
}

// secret returns the password under key, nil when there is none.
func (f *form) secret(key string) *rehome.Secret {
	text := f.text(key)
	if text == nil {
		return nil
	}
	s := rehome.Secret(*text)
	return &s
}

// sshKey returns what is to become of a key: a string is a private one, true has one made, and false, or an empty
// string, forgets the one there is. nil when nothing is said.
func (f *form) sshKey(key string) *importer.SSHKey {
	switch string(f.values[key]) {
	case "", "null":
		return nil
	case "true", "false":
		return &importer.SSHKey{Make: string(f.values[key]) == "true"}
	}
	private := read[string](f, key, "true, or a private key as a string")
	if private == nil {
		return nil
	}
	return &importer.SSHKey{Private: rehome.Secret(*private)}
}

// addOptions adds those that are on. Who asked for none sees the object as it always was.
func addOptions(o *wire.Object, options rehome.Options) {
	for _, one := range []struct {
		key string
		on  bool
	}{
		{"hold", options.Hold},
		{"map_trailers", options.MapTrailers},
		{"map_hashes", options.MapHashes},
		{"allow_missing_lfs", options.AllowMissingLFS},
		{"prune", options.Prune},
	} {
		if one.on {
			o.Add(one.key, true)
		}
	}
	for _, one := range []struct{ key, lines string }{{"match", options.LargeMatch}, {"refs", options.Refs}, {"exclude_refs", options.ExcludeRefs}} {
		if one.lines != "" {
			o.Add(one.key, strings.Split(one.lines, "\n"))
		}
	}
	if options.DefaultBranch != "" {
		o.Add("default_branch", options.DefaultBranch)
	}
	if options.Verify != "" {
		o.Add("verify", string(options.Verify))
	}
	if options.SyncEvery > 0 {
		o.Add("sync_interval", int64(options.SyncEvery/time.Second))
	}
}

// addWay adds where the import goes, what the source has to let in, and when it is synced or was closed, as far as
// anything was said of it.
func addWay(o *wire.Object, im rehome.Import) {
	if !im.NextSyncAt.IsZero() && im.State.Status != rehome.AuthFailed { // which waits for other credentials, whatever the clock says
		o.Add("next_sync_at", wire.Stamp(im.NextSyncAt))
	}
	if !im.ClosedAt.IsZero() {
		o.Add("closed_at", wire.Stamp(im.ClosedAt))
	}
	if im.Source.SSHPublicKey != "" {
		o.Add("ssh_public_key", im.Source.SSHPublicKey)
	}
	if im.Destination != (rehome.Destination{}) {
		o.Add("destination", destinationObject(im.Destination))
	}
}
