package rehome

// Destination is a repository on another forge to which an import pushes. The zero Destination is
// none: the import goes to the built-in host. What signs in there is kept apart, sealed.
type Destination struct {
	URL          string     // as remote.Location spells it; never holds credentials
	Create       bool       // it is made through the forge's API when it is missing
	Visibility   Visibility // of one that is made; "" is Private
	OnDivergence Divergence // "" is Stop
	SSHPublicKey string     // a line as in authorized_keys; "" without a key
}

// Divergence is what becomes of a ref that we wrote and somebody else moved, or that was there before us.
type Divergence string

// The ways to go on.
const (
	Stop      Divergence = "stop"      // the import ends in error and names the ref; the zero value counts as it
	Skip      Divergence = "skip"      // the ref stays as it is and is listed
	Overwrite Divergence = "overwrite" // the ref becomes what the source has
)

// ParseDivergence returns the way for its word, false for any other.
func ParseDivergence(word string) (Divergence, bool) { return parse(word, Stop, Skip, Overwrite) }

// Visibility is who may see a repository that we make on a forge.
type Visibility string

// The visibilities, in the forges' words.
const (
	Private            Visibility = "private"  // whoever was let in; the zero value counts as it
	InternalVisibility Visibility = "internal" // whoever has an account there
	Public             Visibility = "public"
)

// ParseVisibility returns the visibility for its word, false for any other.
func ParseVisibility(word string) (Visibility, bool) {
	return parse(word, Private, InternalVisibility, Public)
}

// Depth is how deep a destination is compared with what was to be there.
type Depth string

// The depths, each with all of the one before it.
const (
	VerifyRefs    Depth = "refs"    // every ref has its id; the zero value counts as it
	VerifyObjects Depth = "objects" // every object is there
	VerifyBytes   Depth = "bytes"   // every object is read and hashed
)

// ParseDepth returns the depth for its word, false for any other.
func ParseDepth(word string) (Depth, bool) {
	return parse(word, VerifyRefs, VerifyObjects, VerifyBytes)
}

// parse returns the one of known that is spelled as word, false when none is.
func parse[S ~string](word string, known ...S) (S, bool) {
	for _, k := range known {
		if word == string(k) {
			return k, true
		}
	}
	return "", false
}
