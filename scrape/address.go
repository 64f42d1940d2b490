package scrape

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// special are the ranges of the IANA special-purpose registries, and multicast:
// none leads to a public host. 169.254.169.254, where clouds keep their
// secrets, is in one of them.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", // Teredo is in the first; the third is 6to4
)

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	nat64         = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: its last 32 bits are an IPv4 address
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// isPublic says whether a leads to the open internet.
func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if a.Is6() && !globalUnicast.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}

type privateAddressError struct{ address string }

func (e privateAddressError) Error() string { return e.address + " is no public address" }

// allowed are addresses that may be connected to though they are not public.
type allowed struct {
	prefixes []netip.Prefix
	ports    []netip.AddrPort
}

// parseAllowed reads addresses, with or without port, and ranges.
func parseAllowed(texts []string) (a allowed, err error) {
	for _, text := range texts {
		if at, err := netip.ParseAddrPort(text); err == nil {
			a.ports = append(a.ports, at)
		} else if prefix, err := netip.ParsePrefix(text); err == nil {
			a.prefixes = append(a.prefixes, prefix)
		} else if addr, err := netip.ParseAddr(text); err == nil {
			a.prefixes = append(a.prefixes, netip.PrefixFrom(addr, addr.BitLen()))
		} else {
			return a, fmt.Errorf("allowed address %q: want an address, an address and a port, or a range as 10.0.0.0/8", text)
		}
	}
	return a, nil
}

func (a allowed) has(at netip.AddrPort) bool {
	return slices.Contains(a.ports, at) || slices.ContainsFunc(a.prefixes, func(p netip.Prefix) bool { return p.Contains(at.Addr()) })
}

// refusePrivate is a net.Dialer's Control: it sees the address that is about to
// be connected to, whatever name, redirect or change of DNS led there.
func (a allowed) refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	at = netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
	if !isPublic(at.Addr()) && !a.has(at) {
		return privateAddressError{at.Addr().String()}
	}
	return nil
}
