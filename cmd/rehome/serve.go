package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"runtime"
	"sync"

	"github.com/spf13/cobra"

	"rehome"
	"rehome/internal/compute"
	"rehome/internal/queue"
)

// defaultWorkers is more than most machines have processors: imports compute in turns, and wait for their sources side by side.
const defaultWorkers = 8

// serveFlags are what rehome serve takes.
type serveFlags struct {
	places  placesFlags
	role    roleFlags
	keyFile string
	newKey  bool
	workers int
	door    doorFlags
	network networkFlags
	log     logFlags
	limits  limitFlags

	largeOver size
	keep      keepingFlags

	destination destinationFlags
	password    rehome.Secret // for --destination, from the environment
}

// doorFlags say how clients come in.
type doorFlags struct {
	listen    string
	publicURL string
	proxies   []string
	tlsCert   string
	tlsKey    string
	rate      rate
}

func (m *Main) serveCommand() *cobra.Command {
	f := serveFlags{
		workers: defaultWorkers,
		door:    doorFlags{listen: "127.0.0.1:8080", rate: 5000},
		limits:  newLimitFlags(), largeOver: 100 << 20,
	}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the API, the workers and the built-in host",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.role.share(f.workers, cmd.Flags().Changed("max-running-per-user"))
			if err := f.check(); err != nil {
				return err
			}
			return m.serve(cmd.Context(), f)
		},
	}
	f.add(cmd)
	return cmd
}

func (f *serveFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.places.add(flags)
	flags.Lookup("data").Usage = "folder everything is kept in that is not in --database or --bucket; made when missing"
	flags.Lookup("database").Usage = "`URL` of a Postgres database (postgres://…) for what is a file in the data folder otherwise"
	flags.Lookup("bucket").Usage = "`URL` of object storage (s3://NAME?endpoint=…&region=…; keys from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) for what is a folder in the data folder otherwise"
	f.role.add(flags)
	f.keep.add(flags)
	f.log.add(flags)
	flags.StringVar(&f.keyFile, "key-file", "", "key that seals passwords, the same for all processes of a server; made when missing (default: key in the data folder)")
	flags.BoolVar(&f.newKey, "new-key", false, "go on with another key than passwords in the database are sealed with, which is lost: they have to be given again")
	flags.IntVar(&f.workers, "workers", f.workers, "imports that run at once")

	flags.StringVar(&f.door.listen, "listen", f.door.listen, "address and port clients come in by")
	flags.StringVar(&f.door.publicURL, "public-url", "", "base URL for what no request gives one")
	flags.StringSliceVar(&f.door.proxies, "trusted-proxies", nil, "`CIDR`s of proxies whose X-Forwarded headers count")
	flags.StringVar(&f.door.tlsCert, "tls-cert", "", "certificate `FILE` for https, with --tls-key")
	flags.StringVar(&f.door.tlsKey, "tls-key", "", "key `FILE` for https, with --tls-cert")
	flags.Var(&f.door.rate, "rate-limit", "requests an hour for each token")

	f.network.add(flags)

	flags.StringVar(&f.destination.template, "destination", "", "forge that imports go to instead of the built-in host, as `URL` with {owner} and {repo}: https://forge.example/{owner}/{repo}.git")
	flags.StringVar(&f.destination.user, "dest-user", "", "user name at --destination; the password, or a token without user name, comes from REHOME_DEST_PASSWORD")
	flags.BoolVar(&f.destination.create, "create", false, "make repositories that --destination lacks through its API")
	flags.Var(&f.destination.limit, "push-limit", "most bytes of one push to a forge; a larger first one goes in several (default: what the forge is known for)")

	f.limits.add(flags)
	flags.Var(&f.largeOver, "large-files-over", "size from which a file counts as large")
}

// check refuses flags that contradict each other or mean nothing.
func (f *serveFlags) check() error {
	switch {
	case f.workers < 1:
		return usagef("Give --workers 1 or more.", "--workers %d leaves nobody to work", f.workers)
	case f.workers > queue.MaxWorkers:
		return usagef(fmt.Sprintf("Give --workers %d or less.", queue.MaxWorkers), "--workers %d is more than one process can have", f.workers)
	case (f.door.tlsCert == "") != (f.door.tlsKey == ""):
		return usagef("Give both or none.", "--tls-cert and --tls-key belong together")
	}
	if err := errors.Join(f.limits.check(), f.destination.check(), f.role.check(f.places), f.log.check()); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(f.door.listen); err != nil {
		return usagef("Write it as HOST:PORT.", "--listen %q is not an address and a port", f.door.listen)
	}
	if u, err := url.Parse(f.door.publicURL); f.door.publicURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return usagef("Write it as https://forge.example.", "--public-url %q is not an http or https URL", f.door.publicURL)
	}
	if _, err := f.door.trusted(); err != nil {
		return usagef("Give networks such as 10.0.0.0/8.", "--trusted-proxies holds something that is not a network")
	}
	_, err := f.network.policy()
	return err
}

func (d doorFlags) trusted() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range d.proxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil {
				return nil, err
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		list = append(list, prefix)
	}
	return list, nil
}

// spare is how many goroutines more than those that compute for long can run at once: answers do not wait for a turn, and
// the system lets them in between.
const spare = 4

// shareProcessors keeps the API quick while imports compute. It does so once for a process, however many servers it runs.
var shareProcessors = sync.OnceFunc(func() {
	n := runtime.GOMAXPROCS(0) // what a container's limit leaves, too; it is not followed from here on
	compute.Limit(n)
	runtime.GOMAXPROCS(n + spare)
})

// serve opens the parts, runs them until ctx ends, and closes them in reverse.
func (m *Main) serve(ctx context.Context, f serveFlags) error {
	given := rehome.Secret(m.Getenv("REHOME_ADMIN_TOKEN"))
	if given != "" && len(given) < 20 {
		return usagef("Set a longer one, or unset it and have one made.", "REHOME_ADMIN_TOKEN is shorter than 20 characters")
	}
	if f.destination.template != "" {
		f.password = rehome.Secret(m.Getenv("REHOME_DEST_PASSWORD"))
		if f.destination.user != "" && f.password == "" {
			return usagef("Or leave --dest-user out.", "no password: set REHOME_DEST_PASSWORD")
		}
	}
	shareProcessors()
	var p parts
	defer p.close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err := p.open(ctx, stop, m, f)
	if err == nil && f.role.answers() {
		err = p.tellFirstAdmin(ctx, m, given)
	}
	if err == nil {
		err = p.run(ctx, m)
	}
	if cause := context.Cause(ctx); errors.Is(cause, errOtherHost) {
		return cause // whatever it interrupted
	}
	return err
}

// tellFirstAdmin makes the first administrator's token, and prints it, where there is none.
func (p *parts) tellFirstAdmin(ctx context.Context, m *Main, given rehome.Secret) error {
	first, err := p.auth.FirstAdmin(ctx, given)
	if err == nil && first != "" {
		fmt.Fprintf(m.Stdout, "administrator's token, shown this once: %s\n", string(first))
	}
	return err
}
