package hostile

import "strings"

// tags are the cases with odd tags. COMMIT stands for the id of an honest commit.
func tags() []Case {
	var all []Case
	const tagger = "tagger T Agger <tagger@example.com> 1700000000 +0000\n"
	for _, c := range []struct {
		name, why, text string
		want            Outcome
	}{
		{"tag: empty", broken, "", corrupt("missing_object")},
		{"tag: no object", broken, "type commit\ntag v\n" + tagger + "\nm\n", corrupt("missing_object")},
		{"tag: object that is no id", broken, "object x\ntype commit\ntag v\n" + tagger + "\nm\n", corrupt("bad_object_sha1")},
		{"tag: no type", broken, "object COMMIT\ntag v\n" + tagger + "\nm\n", corrupt("missing_type_entry")},
		{"tag: unknown type", broken, "object COMMIT\ntype delta\ntag v\n" + tagger + "\nm\n", corrupt("bad_type")},
		{"tag: no name", broken, "object COMMIT\ntype commit\n" + tagger + "\nm\n", corrupt("missing_tag_entry")},
		{"tag: name without an end", broken, "object COMMIT\ntype commit\ntag v", corrupt("missing_tag")},
		{"tag: object is missing", missing, "object " + absent + "\ntype commit\ntag v\n" + tagger + "\nm\n", corrupt(absent, "did not send")},
		{"tag: a tree said to be a commit", mistaken, "object " + aTree + "\ntype commit\ntag v\n" + tagger + "\nm\n", corrupt(aTree, "is a tree")},
		{"tag: a commit said to be a blob", mistaken, "object COMMIT\ntype blob\ntag v\n" + tagger + "\nm\n", corrupt("is a commit")},
		{"tag: a commit said to be a tag", mistaken, "object COMMIT\ntype tag\ntag v\n" + tagger + "\nm\n", corrupt("is a commit")},
		{"tag: no tagger", harmless, "object COMMIT\ntype commit\ntag v\n\nm\n", warned("missing_tagger_entry")},
		{"tag: tagger without a date", harmless, "object COMMIT\ntype commit\ntag v\ntagger T <t@example.com>\n\nm\n", warned("missing_space_before_date")},
		{"tag: control characters in the name", harmless, "object COMMIT\ntype commit\ntag v\x1b[2J\x07\n" + tagger + "\nm\n", warned("bad_tag_name")},
		{"tag: a path for a name", harmless, "object COMMIT\ntype commit\ntag ../../hooks/x\n" + tagger + "\nm\n", warned("bad_tag_name")},
		{"tag: empty name", harmless, "object COMMIT\ntype commit\ntag \n" + tagger + "\nm\n", warned("bad_tag_name")},
		{"tag: no message", harmless, "object COMMIT\ntype commit\ntag v\n" + tagger, complete},
		{"tag: header without an end", harmless, "object COMMIT\ntype commit\ntag v\n" + strings.TrimSuffix(tagger, "\n"), warned("unterminated_header")},
		{"tag: NUL in the message", harmless, "object COMMIT\ntype commit\ntag v\n" + tagger + "\nm\x00\n", complete},
		{"tag: signature of junk", harmless, "object COMMIT\ntype commit\ntag v\n" + tagger + "\nm\n-----BEGIN PGP SIGNATURE-----\njunk", complete},
		{"tag: of a file", harmless, "object " + aBlob + "\ntype blob\ntag v\n" + tagger + "\nm\n", complete},
	} {
		all = append(all, made(c.name, c.why, func(r *repository) {
			commit := r.commit(aTree)
			r.trunk(commit)
			r.ref("refs/tags/v", r.named(r.object(typeTag, strings.ReplaceAll(c.text, "COMMIT", commit))))
		}, c.want))
	}
	return append(all, made("tag: 20,000 tags of tags", exhaustion, func(r *repository) {
		id := r.commit(aTree)
		r.trunk(id)
		for n := range 20_000 {
			if n == 0 {
				id = r.tag("commit", id, "v")
				continue
			}
			id = r.tag("tag", id, "v")
		}
		r.ref("refs/tags/v", id)
	}, limited("tags more than 1000 deep in one another")))
}
