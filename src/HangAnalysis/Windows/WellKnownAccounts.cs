namespace HangAnalysis.Windows;

/// <summary>Accounts that have the same identifier on every machine ([MS-DTYP] 2.4.2.4, "Well-known SIDs").</summary>
internal static class WellKnownAccounts
{
    private const ulong NtAuthority = 5;
    private const uint Builtin = 32, MachineOrDomain = 21, Service = 80, ApplicationPool = 82, VirtualMachine = 83;
    private const uint WindowManager = 90, FontDriver = 96;

    /// <summary>S-1-5-80-956008885-…: the SID that the service name TrustedInstaller makes.</summary>
    private static readonly uint[] s_trustedInstaller = [Service, 956008885, 3418522649, 1831038044, 1853292631, 2271478464];

    /// <summary>The name of an account; null where its name is the machine's own affair.</summary>
    public static string? NameOf(ulong authority, ReadOnlySpan<uint> parts)
    {
        if (authority != NtAuthority)
            return null;
        return parts switch
        {
            [7] => @"NT AUTHORITY\ANONYMOUS LOGON",
            [18] => @"NT AUTHORITY\SYSTEM",
            [19] => @"NT AUTHORITY\LOCAL SERVICE",
            [20] => @"NT AUTHORITY\NETWORK SERVICE",
            [Builtin, 544] => @"BUILTIN\Administrators",
            [Builtin, 545] => @"BUILTIN\Users",
            [WindowManager, 0, var session] => $@"Window Manager\DWM-{session}",
            [FontDriver, 0, var session] => $@"Font Driver Host\UMFD-{session}",
            // An account of one machine or domain, whose name may have been changed: what it is for has not.
            [MachineOrDomain, _, _, _, 500] => "built-in administrator",
            [MachineOrDomain, _, _, _, 501] => "built-in guest",
            [MachineOrDomain, _, _, _, 503] => "built-in default account",
            [MachineOrDomain, _, _, _, 504] => "WDAGUtilityAccount",
            [Service, ..] => parts.SequenceEqual(s_trustedInstaller) ? @"NT SERVICE\TrustedInstaller" : null,
            [ApplicationPool, ..] => "an IIS application pool",
            [VirtualMachine, 1, ..] => "a virtual machine",
            _ => null,
        };
    }
}
