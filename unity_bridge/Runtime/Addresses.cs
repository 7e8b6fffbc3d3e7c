#nullable enable
using System;

namespace SphereLinks
{
    /// <summary>Addresses of servers.</summary>
    public static class Addresses
    {
        /// <summary>An address as it is kept: scheme, host and path, no slash at the end. Throws <see cref="Failure"/>.</summary>
        public static string Normal(string address)
        {
            address = address.Trim().TrimEnd('/');
            var usable = Uri.TryCreate(address, UriKind.Absolute, out var uri)
                && (uri.Scheme == "http" || uri.Scheme == "https")
                && uri.Host.Length > 0 && uri.Port > 0
                && uri.UserInfo.Length == 0 && uri.Query.Length == 0 && uri.Fragment.Length == 0;
            if (!usable)
                throw new Failure("address", $"'{address}' is not the address of a server.");
            return address;
        }

        /// <summary>Whether an address is this machine itself.</summary>
        public static bool IsLoopback(Uri address) => address.IsLoopback;

        /// <summary>Whether two addresses are one server's.</summary>
        public static bool SameOrigin(Uri one, Uri other) =>
            one.Scheme == other.Scheme && one.Port == other.Port
            && string.Equals(one.Host, other.Host, StringComparison.OrdinalIgnoreCase);
    }
}
