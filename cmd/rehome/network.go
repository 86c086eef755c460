package main

import (
	"strings"

	"github.com/spf13/pflag"

	"rehome/internal/egress"
)

// networkFlags say where sources may be, and how they are reached.
type networkFlags struct {
	allow   rules
	block   rules
	private bool
	caFile  string
	proxy   string // URL; "" for none
}

func (n *networkFlags) add(flags *pflag.FlagSet) {
	flags.Var(&n.allow, "allow-network", "`CIDR|HOST` that can be reached besides public addresses")
	flags.Var(&n.block, "block-network", "`CIDR|HOST` that cannot be reached")
	flags.BoolVar(&n.private, "allow-private-networks", false, "private networks and this machine itself can be reached, metadata addresses never, whatever is allowed")
	flags.StringVar(&n.caFile, "ca-file", "", "`FILE` of certificates trusted besides the system's")
	flags.StringVar(&n.proxy, "proxy", "", "`URL` of an http proxy (http://HOST:PORT) that leads to sources, destinations and webhooks by CONNECT, to addresses that were resolved and checked here; with a password better as REHOME_PROXY")
}

// policy refuses what is no proxy as wrong usage.
func (n *networkFlags) policy() (egress.Policy, error) {
	p := egress.Policy{AllowPrivate: n.private, CAFile: n.caFile, Allow: n.allow, Block: n.block}
	if n.proxy == "" {
		return p, nil
	}
	var err error
	if p.Proxy, err = egress.ParseProxy(n.proxy); err != nil {
		return p, usagef("Write it as http://proxy.example:3128.", "--proxy: %w", err)
	}
	return p, nil
}

// rules are networks and hosts as a flag, which may be given several times or hold several between commas. An empty one
// is refused: whoever meant to block something would be taken for one who blocks nothing.
type rules []egress.Rule

func (r *rules) Set(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		rule, err := egress.ParseRule(one)
		if err != nil {
			return err
		}
		*r = append(*r, rule)
	}
	return nil
}

func (r *rules) String() string {
	texts := make([]string, len(*r))
	for i, rule := range *r {
		texts[i] = rule.String()
	}
	return strings.Join(texts, ",")
}

func (*rules) Type() string { return "CIDR|HOST" }
