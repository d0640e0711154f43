using HangAnalysis.Targets;
using HangAnalysis.Targets.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Symbols;

public class SymbolLocatorTests
{
    private const string Index = "3844DBB920174967BE7AA4A2C20430FA2";

    private static readonly PdbIdentity s_wanted =
        new("ntkrnlmp.pdb", Guid.Parse("3844DBB9-2017-4967-BE7A-A4A2C20430FA"), 2);

    private TemporaryFolder _folder = null!;
    private SymbolSearchLog _log = null!;

    [SetUp]
    public void Make_a_folder()
    {
        _folder = new TemporaryFolder();
        _log = new SymbolSearchLog(s_wanted);
    }

    [TearDown]
    public void Remove_it() => _folder.Dispose();

    /// <summary>A locator for a path in which '/r/' stands for the test's folder.</summary>
    private SymbolLocator Locator(string path, SymbolServerClient? client = null)
    {
        SymbolPath parsed = SymbolPath.Parse(
            path.Replace("/r/", _folder.Path + Path.DirectorySeparatorChar), _folder.At("default"));
        Assert.That(parsed.Warnings, Is.Empty);
        return new SymbolLocator(parsed, client);
    }

    private string[] Relative(IEnumerable<string> paths) =>
        [.. paths.Select(p => Path.GetRelativePath(_folder.Path, p).Replace('\\', '/'))];

    private string[] Pdbs(string path) => Relative(Locator(path).PdbCandidates(s_wanted, _log));

    // The layouts are those of learn.microsoft.com, "Using SymStore" and "Symbol path for Windows debuggers".
    [TestCase("srv*/r/s", "s/ntkrnlmp.pdb/3844DBB920174967BE7AA4A2C20430FA2/ntkrnlmp.pdb")]
    [TestCase("/r/s", "s/ntkrnlmp.pdb/3844DBB920174967BE7AA4A2C20430FA2/ntkrnlmp.pdb")]
    [TestCase("cache*/r/s", "s/ntkrnlmp.pdb/3844DBB920174967BE7AA4A2C20430FA2/ntkrnlmp.pdb")]
    [TestCase("/r/s", "s/ntkrnlmp.pdb")]
    [TestCase("/r/s", "s/exe/ntkrnlmp.pdb")]
    [TestCase("/r/s", "s/symbols/exe/ntkrnlmp.pdb")]
    [TestCase("/r/s", "s/Symbols/DLL/NTKRNLMP.PDB")]
    [TestCase("srv*/r/s", "s/ntkrnlmp.pdb/3844dbb920174967be7aa4a2c20430fa2/ntkrnlmp.pdb")]
    [TestCase("srv*/r/s", "s/NtKrnlMp.pdb/3844DBB920174967BE7AA4A2C20430FA2/NTKRNLMP.PDB")]
    [TestCase("/r/s/ntkrnlmp.pdb", "s/ntkrnlmp.pdb")]
    public void A_PDB_is_found_where_debuggers_look(string path, string file)
    {
        _folder.Write(file);
        _folder.Write("s/other.pdb");
        _folder.Write("s/ntkrnlmp.pdb.bak");

        Assert.That(Pdbs(path), Is.EqualTo(new[] { file }).IgnoreCase);
    }

    [Test]
    public void A_store_of_two_tiers_has_a_folder_of_two_letters()
    {
        _folder.Write("s/index2.txt");
        _folder.Write($"s/nt/ntkrnlmp.pdb/{Index}/ntkrnlmp.pdb");

        Assert.That(Pdbs("srv*/r/s"), Is.EqualTo(new[] { $"s/nt/ntkrnlmp.pdb/{Index}/ntkrnlmp.pdb" }));
    }

    [Test]
    public void Names_in_different_case_are_all_candidates()
    {
        if (OperatingSystem.IsWindows() || OperatingSystem.IsMacOS())
            Assert.Ignore("the file system does not tell case apart");
        _folder.Write($"s/NTKRNLMP.PDB/{Index}/ntkrnlmp.pdb");
        _folder.Write($"s/ntkrnlmp.pdb/{Index.ToLowerInvariant()}/ntkrnlmp.pdb");

        Assert.That(Pdbs("srv*/r/s"), Is.EqualTo(new[]
        {
            $"s/ntkrnlmp.pdb/{Index.ToLowerInvariant()}/ntkrnlmp.pdb", $"s/NTKRNLMP.PDB/{Index}/ntkrnlmp.pdb",
        }));
    }

    [Test]
    public void Compressed_files_and_redirections_are_declined_with_a_reason()
    {
        _folder.Write($"s/ntkrnlmp.pdb/{Index}/ntkrnlmp.pd_");
        _folder.Write($"s/ntkrnlmp.pdb/{Index}/file.ptr", "PATH:/etc/passwd"u8.ToArray());

        Assert.That(Pdbs("srv*/r/s"), Is.Empty);
        Assert.That(_log.Lines, Has.Some.Contains("compressed").And.Some.Contains("redirections")
            .And.Some.Contains("not found"));
    }

    [Test]
    public void An_image_is_found_by_time_stamp_and_size_and_in_plain_directories()
    {
        _folder.Write("s/ntoskrnl.exe/4CE7951A5ea000/ntoskrnl.exe");
        _folder.Write("d/ntoskrnl.exe");
        _folder.Write("d/exe/ntoskrnl.exe");
        _folder.Write("d/dll/ntoskrnl.exe");

        string[] found = Relative(Locator("srv*/r/s;/r/d")
            .ImageCandidates(@"\SystemRoot\system32\ntoskrnl.exe", 0x4CE7951A, 0x5EA000, _log));

        Assert.That(found, Is.EqualTo(new[]
        {
            "s/ntoskrnl.exe/4CE7951A5ea000/ntoskrnl.exe", "d/ntoskrnl.exe", "d/exe/ntoskrnl.exe",
        }));
    }

    [Test]
    public void What_is_found_in_a_chain_is_copied_to_all_stores_before_it()
    {
        byte[] content = TemporaryFolder.Pdb(300_000, 7);
        string source = $"b/ntkrnlmp.pdb/{Index.ToLowerInvariant()}/ntkrnlmp.pdb";
        _folder.Write(source, content);

        string[] found = Pdbs("cache*/r/c;srv*/r/a1*/r/a2*/r/b");

        string stored = $"ntkrnlmp.pdb/{Index}/ntkrnlmp.pdb";
        Assert.That(found, Is.EqualTo(new[] { "c/" + stored }));
        Assert.That(_folder.Files(), Is.EqualTo(new[] { "a1/" + stored, "a2/" + stored, source, "c/" + stored }));
        foreach (string file in _folder.Files())
            Assert.That(File.ReadAllBytes(_folder.At(file)), Is.EqualTo(content));
        Assert.That(Pdbs("srv*/r/a1*/r/nowhere"), Is.EqualTo(new[] { "a1/" + stored }));
    }

    [Test]
    public void What_a_server_sends_is_copied_to_all_stores_before_it()
    {
        string stored = $"ntkrnlmp.pdb/{Index}/ntkrnlmp.pdb";
        using TestSymbolServer server = TestSymbolServer.Holding(new() { [stored] = TemporaryFolder.Pdb(100) });
        using SymbolServerClient client = new();

        string[] found = Relative(Locator($"cache*/r/c;srv*/r/a*/r/b*{server.Url}", client)
            .PdbCandidates(s_wanted, _log));

        Assert.That(found, Is.EqualTo(new[] { "c/" + stored }));
        Assert.That(_folder.Files(), Is.EqualTo(new[] { "a/" + stored, "b/" + stored, "c/" + stored }));
        Assert.That(server.Requests, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_cache_that_is_a_store_of_two_tiers_stays_one()
    {
        string stored = $"ntkrnlmp.pdb/{Index}/ntkrnlmp.pdb";
        _folder.Write("c/index2.txt");
        _folder.Write("b/" + stored);

        Assert.That(Pdbs("srv*/r/c*/r/b"), Is.EqualTo(new[] { "c/nt/" + stored }));
    }

    [Test]
    public void A_server_is_asked_only_after_all_local_candidates_were_refused()
    {
        string stored = $"ntkrnlmp.pdb/{Index}/ntkrnlmp.pdb";
        using TestSymbolServer server = TestSymbolServer.Holding(new() { [stored] = TemporaryFolder.Pdb(100) });
        using SymbolServerClient client = new();
        _folder.Write("c/" + stored);
        _folder.Write("d/ntkrnlmp.pdb");

        using IEnumerator<string> candidates = Locator($"srv*/r/c*{server.Url};/r/d", client)
            .PdbCandidates(s_wanted, _log).GetEnumerator();

        Assert.That(candidates.MoveNext(), Is.True);
        Assert.That(candidates.Current, Is.EqualTo(_folder.At("c/" + stored)));
        Assert.That(candidates.MoveNext(), Is.True);
        Assert.That(candidates.Current, Is.EqualTo(_folder.At("d/ntkrnlmp.pdb")));
        Assert.That(server.Requests, Is.Empty);

        // The copy in the cache was refused: the server's takes its place.
        Assert.That(candidates.MoveNext(), Is.True);
        Assert.That(candidates.Current, Is.EqualTo(_folder.At("c/" + stored)));
        Assert.That(new FileInfo(candidates.Current).Length, Is.EqualTo(100));
        Assert.That(candidates.MoveNext(), Is.False);
    }

    [Test]
    public void Without_a_client_no_server_is_asked()
    {
        using TestSymbolServer server = TestSymbolServer.Holding([]);

        Assert.That(Pdbs($"srv*{server.Url}"), Is.Empty);
        Assert.That(server.Requests, Is.Empty);
        Assert.That(_log.Lines, Has.Some.Contains("downloads are off"));
    }

    [Test]
    public void A_cache_that_cannot_be_written_gives_way_to_the_next()
    {
        string stored = $"ntkrnlmp.pdb/{Index}/ntkrnlmp.pdb";
        using TestSymbolServer server = TestSymbolServer.Holding(new() { [stored] = TemporaryFolder.Pdb(100) });
        using SymbolServerClient client = new();
        _folder.Write("file");

        string[] found = Relative(Locator($"srv*/r/good*/r/file/x*{server.Url}", client)
            .PdbCandidates(s_wanted, _log));

        Assert.That(found, Is.EqualTo(new[] { "good/" + stored }));
        Assert.That(_log.Lines, Has.Some.Contains("cannot be written"));
    }

    private static readonly string[] s_hostileNames =
    [
        @"..\..\x.pdb", "../../x.pdb", "/etc/passwd", @"C:\x\y.pdb", "C:y.pdb", "a\0b", "a\0/../b", "CON", "NUL.pdb",
        "..", ".", "", "/", @"\\server\share\x.pdb", "x.pdb:stream", "%2e%2e%2fx.pdb", "..%5cx.pdb", "index2.txt",
        "file.ptr",
        "x.pdb ", "x.pdb.", "~/x.pdb", "-rf", "\ud83d", new('a', 128), new('a', 100_000),
        string.Concat(Enumerable.Repeat("../", 1000)) + "etc/passwd", new('\u20ac', 128),
    ];

    [Test]
    public void No_name_in_a_dump_leads_out_of_the_cache()
    {
        // The server has everything, under any path.
        using TestSymbolServer server = new((_, stream, stop) =>
            TestSymbolServer.SendAsync(stream, "200 OK", TemporaryFolder.Pdb(64), stop));
        using SymbolServerClient client = new();
        _folder.Write("x.pdb");
        _folder.Write("deep/x.pdb");
        _folder.Write("deep/passwd");
        string[] before = _folder.Tree();
        SymbolLocator locator = Locator($"srv*/r/deep/er/cache*{server.Url};/r/deep/er/plain", client);

        foreach (string name in s_hostileNames)
        {
            PdbIdentity identity = s_wanted with { FileName = name };
            string[] found =
            [
                .. locator.PdbCandidates(identity, _log), .. locator.ImageCandidates(name, 1, 2, _log),
                .. locator.IsfCandidates(identity, _log),
            ];
            foreach (string path in found)
                Assert.That(Path.GetFullPath(path), Does.StartWith(_folder.At("deep/er/cache/")), name);
            locator.CacheAccepted(identity, _folder.At("x.pdb"), _log);
        }

        string[] outside = [.. _folder.Tree().Where(p => !p.StartsWith("deep/er", StringComparison.Ordinal))];
        Assert.That(outside, Is.EqualTo(before));
        Assert.That(_folder.Tree().Except(outside).Except(["deep/er"]),
            Is.Not.Empty.And.All.Match("^deep/er/cache(/|$)"));
        Assert.That(server.Requests, Is.All.Match("^/sym/[^/]+/[0-9A-Fa-f]+/[^/]+$"));
        Assert.That(_log.Lines, Has.Some.Contains("not a file name"));
    }

    [TestCase("t/3844DBB920174967BE7AA4A2C20430FA-2.json")]
    [TestCase("t/3844dbb920174967be7aa4a2c20430fa-2.json.gz")]
    [TestCase("t/ntkrnlmp.pdb/3844DBB920174967BE7AA4A2C20430FA-2.json.gz")]
    [TestCase("t/windows/ntkrnlmp.pdb/3844DBB920174967BE7AA4A2C20430FA-2.json.gz")]
    [TestCase("t/symbols/windows/ntkrnlmp.pdb/3844DBB920174967BE7AA4A2C20430FA-2.JSON.GZ")]
    public void A_symbol_table_is_found_where_Volatility_has_it(string file)
    {
        _folder.Write(file);
        _folder.Write("t/ntkrnlmp.pdb/3844DBB920174967BE7AA4A2C20430FA-1.json.gz");
        _folder.Write("t/other.json");

        string[] found = Relative(Locator("/r/t").IsfCandidates(s_wanted, _log));

        Assert.That(found, Is.EqualTo(new[] { file }).IgnoreCase);
    }

    [Test]
    public void A_symbol_table_with_an_age_above_nine_has_it_in_decimal()
    {
        _folder.Write("t/3844DBB920174967BE7AA4A2C20430FA-26.json");

        Assert.That(Locator("/r/t").IsfCandidates(s_wanted with { Age = 0x1a }, _log), Has.Exactly(1).Items);
    }

    [Test]
    public void A_table_packed_with_xz_is_declined_with_a_reason()
    {
        _folder.Write("t/windows/ntkrnlmp.pdb/3844DBB920174967BE7AA4A2C20430FA-2.json.xz");

        Assert.That(Locator("/r/t").IsfCandidates(s_wanted, _log), Is.Empty);
        Assert.That(_log.Lines, Has.Some.Contains("xz"));
    }

    [Test]
    public void Kernel_files_are_listed_in_an_order_that_is_always_the_same()
    {
        string guid = new('A', 32);
        string[] expected =
        [
            "a/ntkrnlmp.pdb", "a/ntkrnlmp.pdb.d/unused", $"s/ntkrnlmp.pdb/{Index}/ntkrnlmp.pdb",
            $"s/ntkrnlmp.pdb/{guid}-1.json.gz", "s/ntkrpamp.pdb/0A1/ntkrpamp.pdb", $"s/{guid}-1.json", "s/aaa.json",
            "s/windows/ntkrnlmp.pdb/x.json", "named.json.gz",
        ];
        foreach (string file in expected.Reverse())
            _folder.Write(file);
        string[] others = ["s/ntkrnlmp.pdb/nothex/ntkrnlmp.pdb", "s/a.pdb", "s/deep/er/b.json", "u.json"];
        foreach (string other in others)
            _folder.Write(other);
        expected = [.. expected.Where(e => !e.EndsWith("unused", StringComparison.Ordinal))];

        string path = "/r/a;srv*/r/s*https://server.invalid;/r/named.json.gz;/r/s";
        Assert.That(Relative(Locator(path).KernelTableCandidates(_log)), Is.EqualTo(expected));
        Assert.That(_log.Lines, Is.Empty);

        Assert.That(Relative(Locator(path).KernelTableCandidates(_log, 3)), Is.EqualTo(expected[..3]));
        Assert.That(_log.Lines.Single(), Does.Contain("3 kernel symbol files are the limit"));
    }

    [Test]
    public void An_accepted_PDB_of_a_plain_directory_goes_to_the_caches_before_it()
    {
        _folder.Write("d/ntkrnlmp.pdb", TemporaryFolder.Pdb(50));
        SymbolLocator locator = Locator("cache*/r/c;/r/d");
        string found = locator.PdbCandidates(s_wanted, _log).Single();
        Assert.That(found, Is.EqualTo(_folder.At("d/ntkrnlmp.pdb")));

        locator.CacheAccepted(s_wanted, found, _log);

        string stored = $"c/ntkrnlmp.pdb/{Index}/ntkrnlmp.pdb";
        Assert.That(_folder.Files(), Is.EqualTo(new[] { stored, "d/ntkrnlmp.pdb" }));
        Assert.That(Pdbs("cache*/r/c;/r/d")[0], Is.EqualTo(stored));
    }

    [Test]
    public void A_directory_that_is_not_there_is_a_line_in_the_log()
    {
        Assert.That(Pdbs("/r/none"), Is.Empty);
        Assert.That(_log.Lines.Single(), Does.EndWith("none: not found"));
        Assert.That(_folder.Tree(), Is.Empty);
    }
}
