package hostile

import (
	"strings"

	"rehome"
	"rehome/internal/git/pack"
)

// packs are the cases with a pack that is wrong as a whole: honest when made, and spoilt afterwards.
func packs() []Case {
	var all []Case
	for _, c := range []struct {
		name, why string
		spoil     func(p *packer) []byte
		want      Outcome
	}{
		{"pack: honest", "the others are this one, spoilt", (*packer).bytes, complete},
		{"pack: empty answer", cutOff, cut(0), cutShort()},
		{"pack: cut in the header", cutOff, cut(7), cutShort()},
		{"pack: cut behind the header", cutOff, cut(12), cutShort()},
		{"pack: cut in an entry's header", cutOff, cut(13), cutShort()},
		{"pack: cut in an entry", cutOff, cut(40), cutShort()},
		{"pack: cut before the checksum", cutOff, cut(-20), cutShort()},
		{"pack: cut in the checksum", cutOff, cut(-1), cutShort()},
		{"pack: bytes behind it", broken, func(p *packer) []byte { return append(p.bytes(), 0) }, damaged()},
		{"pack: another pack behind it", broken, func(p *packer) []byte { return append(p.bytes(), p.bytes()...) }, damaged()},
		{"pack: wrong checksum", broken, func(p *packer) []byte { b := p.bytes(); b[len(b)-1] ^= 1; return b }, damaged("checksum")},
		{"pack: checksum of zeros", broken, func(p *packer) []byte { b := p.bytes(); return append(b[:len(b)-20], make([]byte, 20)...) }, damaged("checksum")},
		{"pack: no signature", broken, func(p *packer) []byte { b := p.bytes(); copy(b, "KCAP"); return b }, damaged("PACK")},
		{"pack: a web page", "finding 3", func(*packer) []byte { return []byte("<html><body>Sign in</body></html>") }, damaged("PACK")},
		{"pack: version 3", "git reads it", func(p *packer) []byte { return p.headed(3, p.count) }, complete},
		{"pack: version 4", broken, func(p *packer) []byte { return p.headed(4, p.count) }, damaged("version 4")},
		{"pack: fewer objects than it has", broken, func(p *packer) []byte { return p.headed(2, p.count-1) }, damaged()},
		{"pack: more objects than it has", broken, func(p *packer) []byte { return p.headed(2, p.count+1) }, Outcome{Code: rehome.CorruptObject}},
		{"pack: no object", missing, func(*packer) []byte { return new(packer).bytes() }, corrupt("did not send")},
		{"pack: 2^32-1 objects", exhaustion, func(p *packer) []byte { return p.headed(2, 1<<32-1) }, limited("4294967295", "objects in the pack")},
		{"pack: 100 million objects, and then nothing", exhaustion, func(p *packer) []byte { return p.headed(2, 100_000_000)[:200] }, cutShort()},
	} {
		all = append(all, made(c.name, c.why, func(r *repository) {
			r.trunk(r.commit(aTree))
			r.whole = c.spoil(&r.pack)
			if r.whole == nil {
				r.whole = []byte{}
			}
		}, c.want))
	}
	return append(all, largePacks()...)
}

const cutOff = "P2: complete though the source was cut off"

// cut is a pack's first bytes; below zero, all but its last.
func cut(at int) func(*packer) []byte {
	return func(p *packer) []byte {
		b := p.bytes()
		if at < 0 {
			return b[:len(b)+at]
		}
		return b[:at]
	}
}

func cutShort() Outcome { return Outcome{Code: rehome.SourceCutOff} }

func damaged(words ...string) Outcome {
	return Outcome{Code: rehome.CorruptObject, Says: append(words, "damaged")}
}

// largePacks pass limits.
func largePacks() []Case {
	bytes := made("pack: more bytes than a limit", exhaustion, func(r *repository) {
		for n := range 100 {
			r.blob(strings.Repeat(string(rune('a'+n%26)), n) + random(1000, n))
		}
		r.trunk(r.commit(aTree))
	}, limited("limit of 65536"))
	bytes.Limits.Pack = pack.Limits{PackBytes: 1 << 16}
	objects := made("pack: more objects than a limit", exhaustion, func(r *repository) {
		r.trunk(r.commit(aTree))
		for n := range 10 {
			r.blob(random(10, n))
		}
	}, limited("objects in the pack", "13", "limit of 12"))
	objects.Limits.Pack = pack.Limits{Objects: 12}
	return []Case{bytes, objects}
}
