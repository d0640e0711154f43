using HangAnalysis.Windows;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows;

/// <summary>Names of accounts, levels of protection and services as Windows' documentation has them.</summary>
public class ProcessKnowledgeTests
{
    [TestCase(new uint[] { 18 }, @"NT AUTHORITY\SYSTEM")]
    [TestCase(new uint[] { 20 }, @"NT AUTHORITY\NETWORK SERVICE")]
    [TestCase(new uint[] { 32, 544 }, @"BUILTIN\Administrators")]
    [TestCase(new uint[] { 90, 0, 3 }, @"Window Manager\DWM-3")]
    [TestCase(new uint[] { 96, 0, 1 }, @"Font Driver Host\UMFD-1")]
    [TestCase(new uint[] { 21, 1, 2, 3, 500 }, "built-in administrator")]
    [TestCase(new uint[] { 21, 1, 2, 3, 1001 }, null)]
    [TestCase(new uint[] { 80, 956008885, 3418522649, 1831038044, 1853292631, 2271478464 }, @"NT SERVICE\TrustedInstaller")]
    [TestCase(new uint[] { 80, 1, 2, 3, 4, 5 }, null)]
    public void Only_accounts_that_are_the_same_everywhere_have_names(uint[] parts, string? expected) =>
        Assert.That(WellKnownAccounts.NameOf(5, parts), Is.EqualTo(expected));

    [Test]
    public void Numbers_of_another_authority_mean_another_account() => Assert.That(WellKnownAccounts.NameOf(16, [18]), Is.Null);

    /// <summary>Published levels: csrss.exe 0x61, lsass.exe where protected 0x41, MsMpEng.exe 0x31, System 0x72.</summary>
    [TestCase((byte)0x61, "PPL, WinTcb")]
    [TestCase((byte)0x41, "PPL, Lsa")]
    [TestCase((byte)0x31, "PPL, Antimalware")]
    [TestCase((byte)0x72, "protected, WinSystem")]
    [TestCase((byte)0, null)]
    public void A_level_of_protection_is_type_and_signer(byte level, string? expected) =>
        Assert.That(ProcessKnowledge.ProtectionOf(level), Is.EqualTo(expected));

    [TestCase(@"C:\Windows\system32\svchost.exe -k DcomLaunch -p", "DcomLaunch")]
    [TestCase(@"C:\Windows\System32\svchost.exe -k LocalServiceNetworkRestricted -p -s EventLog", "EventLog")]
    [TestCase(@"C:\Windows\System32\svchost.exe", null)]
    [TestCase("svchost.exe -k", null)]
    public void A_service_host_is_named_by_its_service_or_its_group(string commandLine, string? expected) =>
        Assert.That(ProcessKnowledge.HostedBy(commandLine), Is.EqualTo(expected));
}
