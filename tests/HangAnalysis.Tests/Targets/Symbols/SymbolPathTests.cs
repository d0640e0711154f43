using HangAnalysis.Targets.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Symbols;

/// <summary>
/// Paths as WinDbg's documentation and everyday _NT_SYMBOL_PATHs have them, with directories of both kinds of systems.
/// </summary>
public class SymbolPathTests
{
    private const string Microsoft = "https://msdl.microsoft.com/download/symbols";

    private static string Root => OperatingSystem.IsWindows() ? @"C:\" : "/";

    private static string Default => Root + "default";

    private static SymbolPath Parse(string text) => SymbolPath.Parse(text.Replace("/r/", Root), Default);

    /// <summary>One element as "kind: stores [caches]", with the root written as /r/.</summary>
    private static string Describe(SymbolPathElement e)
    {
        string caches = e.Caches.Count == 0 ? "" : $" [{string.Join(" ", e.Caches)}]";
        string text = $"{e.Kind}: {string.Join(" ", e.Stores)}{caches}";
        return string.Join(' ', text.Split(' ').Select(t => t.StartsWith(Root, StringComparison.Ordinal)
            ? "/r/" + t[Root.Length..]
            : t.Replace("[" + Root, "[/r/")));
    }

    [TestCase("/r/symbols", "Directory: /r/symbols")]
    [TestCase("/r/symbols/", "Directory: /r/symbols")]
    [TestCase("\"/r/symbols\"", "Directory: /r/symbols")]
    [TestCase("/r/a;;/r/b; ;", "Directory: /r/a", "Directory: /r/b")]
    [TestCase("srv*", "StoreChain: /r/default " + Microsoft)]
    [TestCase("SRV**", "StoreChain: /r/default " + Microsoft)]
    [TestCase("srv*" + Microsoft, "StoreChain: /r/default " + Microsoft)]
    [TestCase("srv**" + Microsoft, "StoreChain: /r/default " + Microsoft)]
    [TestCase("SRV*/r/Symbols*" + Microsoft, "StoreChain: /r/Symbols " + Microsoft)]
    [TestCase("srv*/r/a*/r/b*http://server/symbols", "StoreChain: /r/a /r/b http://server/symbols")]
    [TestCase("srv*/r/a*", "StoreChain: /r/a")]
    [TestCase("symsrv*symsrv.dll*/r/cache*" + Microsoft, "StoreChain: /r/cache " + Microsoft)]
    [TestCase("SymSrv*SymSrv.DLL*/r/cache*/r/share", "StoreChain: /r/cache /r/share")]
    [TestCase("cache*", "StoreChain: /r/default")]
    [TestCase("cache*/r/c;/r/a;srv*" + Microsoft,
        "StoreChain: /r/c", "Directory: /r/a [/r/c]", "StoreChain: " + Microsoft + " [/r/c]")]
    [TestCase("/r/a;CACHE*/r/c;srv*/r/b*" + Microsoft,
        "Directory: /r/a", "StoreChain: /r/c", "StoreChain: /r/b " + Microsoft + " [/r/c]")]
    [TestCase("srv*/r/c*" + Microsoft + ";srv*/r/c*https://symbols.nuget.org/download/symbols;/r/x",
        "StoreChain: /r/c " + Microsoft, "StoreChain: /r/c https://symbols.nuget.org/download/symbols",
        "Directory: /r/x")]
    public void A_path_of_WinDbg_is_understood(string text, params string[] expected)
    {
        SymbolPath path = Parse(text);

        Assert.That(path.Elements.Select(Describe), Is.EqualTo(expected));
        Assert.That(path.Warnings, Is.Empty);
    }

    [TestCase("srv*ftp://server/x")]
    [TestCase("srv*file:///etc")]
    [TestCase("https://msdl.microsoft.com/download/symbols")]
    [TestCase("symsrv*other.dll*/r/c*http://server")]
    [TestCase("foo*/r/bar")]
    [TestCase("cache*https://server/")]
    [TestCase("a\0b")]
    [TestCase("srv*http://")]
    public void A_bad_element_is_a_warning_of_one_line_and_the_others_stay(string text)
    {
        SymbolPath path = Parse($"{text};/r/good");

        Assert.That(path.Elements.Select(Describe), Is.EqualTo(new[] { "Directory: /r/good" }));
        Assert.That(path.Warnings, Has.Count.EqualTo(1));
        Assert.That(path.Warnings[0], Has.Length.LessThanOrEqualTo(120).And.Not.Contains("\n").And.Not.Contains("\0"));
    }

    [Test]
    public void A_path_of_Windows_makes_no_folder_on_another_system()
    {
        if (OperatingSystem.IsWindows())
            Assert.Ignore("this is Windows");

        SymbolPath path = Parse($@"srv*C:\Symbols*{Microsoft};\\server\share;d:\x");

        Assert.That(path.Elements.Select(Describe), Is.EqualTo(new[] { "StoreChain: /r/default " + Microsoft }));
        Assert.That(path.Warnings, Has.Count.EqualTo(3));
    }

    [Test]
    public void Nothing_and_very_much_are_paths_too()
    {
        Assert.That(SymbolPath.Parse(null).Elements, Is.Empty);
        Assert.That(SymbolPath.Parse("").Warnings, Is.Empty);

        SymbolPath many = Parse(string.Concat(Enumerable.Repeat("/r/a;", 10_000)));
        Assert.That(many.Elements, Has.Count.EqualTo(256));
        Assert.That(many.Warnings, Has.Count.EqualTo(1));

        SymbolPath deep = Parse("srv*" + string.Concat(Enumerable.Repeat("/r/a*", 10_000)));
        Assert.That(deep.Elements.Single().Stores, Has.Count.EqualTo(10));
    }

    [Test]
    public void Variables_of_the_environment_are_not_expanded()
    {
        SymbolPath path = SymbolPath.Parse("%TEMP%;$HOME;~", Default);

        Assert.That(path.Elements.Select(e => e.Stores[0].Path),
            Is.EqualTo(new[] { "%TEMP%", "$HOME", "~" }.Select(Path.GetFullPath)));
    }

    [Test]
    public void A_file_can_be_an_element()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("table.json.gz");

        SymbolPathElement element = SymbolPath.Parse(file).Elements.Single();

        Assert.That(element.Kind, Is.EqualTo(SymbolPathElementKind.File));
        Assert.That(element.Stores[0].Path, Is.EqualTo(file));
    }

    [Test]
    public void A_password_in_a_URL_is_not_shown()
    {
        SymbolPath path = Parse("srv*/r/c*https://me:secret@server/sym?sig=secret");

        Assert.That(path.Elements[0].Stores[1].ToString(), Is.EqualTo("https://server/sym"));
    }
}
