using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads the account of a token: its first SID.</summary>
/// <remarks>
/// EPROCESS.Token is an EX_FAST_REF: a pointer whose low four bits count references. TOKEN.UserAndGroups points at
/// SID_AND_ATTRIBUTES, the user first. These and SID have not changed since NT (winnt.h): revision, number of
/// sub-authorities, authority in six bytes with the highest first, sub-authorities of four bytes.
/// </remarks>
internal sealed class AccountReader
{
    private const int SidHeaderBytes = 8, AuthorityOffset = 2, AuthorityBytes = 6, MostSubAuthorities = 15;

    private readonly KernelSession _session;
    private readonly FieldSlot _users;

    public AccountReader(KernelSession session)
    {
        _session = session;
        _users = session.Types.Get("_TOKEN").Optional("UserAndGroups");
    }

    /// <summary>The account of the token at a fast reference; null where it cannot be read or is none.</summary>
    public AccountFacts? Read(ulong fastReference)
    {
        ulong token = fastReference & ~(ulong)(2 * _session.PointerSize - 1);
        if (!_users.IsPresent || !_session.IsObject(token)
            || !_session.Memory.TryReadPointer(token + (ulong)_users.Offset, out ulong users)
            || !_session.IsObject(users)
            || !_session.Memory.TryReadPointer(users, out ulong sid) || !_session.IsKernel(sid))
            return null;
        Span<byte> bytes = stackalloc byte[SidHeaderBytes + MostSubAuthorities * sizeof(uint)];
        if (!_session.Memory.TryRead(sid, bytes[..SidHeaderBytes]))
            return null;
        int count = bytes[1];
        if (bytes[0] != 1 || count is 0 or > MostSubAuthorities)
            return null;
        Span<byte> parts = bytes.Slice(SidHeaderBytes, count * sizeof(uint));
        if (!_session.Memory.TryRead(sid + SidHeaderBytes, parts))
            return null;
        ulong authority = 0;
        foreach (byte part in bytes.Slice(AuthorityOffset, AuthorityBytes))
            authority = authority << 8 | part;
        uint[] subAuthorities = new uint[count];
        for (int i = 0; i < count; i++)
            subAuthorities[i] = BinaryPrimitives.ReadUInt32LittleEndian(parts[(i * sizeof(uint))..]);
        return new AccountFacts(ToText(authority, subAuthorities), WellKnownAccounts.NameOf(authority, subAuthorities));
    }

    /// <summary>S-1-5-18 and the like ([MS-DTYP] 2.4.2.1: authorities that need more than 32 bits are hexadecimal).</summary>
    private static string ToText(ulong authority, uint[] subAuthorities)
    {
        StringBuilder text = new("S-1-");
        if (authority > uint.MaxValue)
            text.Append("0x").Append(authority.ToString("X12"));
        else
            text.Append(authority);
        foreach (uint part in subAuthorities)
            text.Append('-').Append(part);
        return text.ToString();
    }
}
