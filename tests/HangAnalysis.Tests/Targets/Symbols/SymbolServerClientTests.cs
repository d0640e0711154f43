using System.Net;
using HangAnalysis.Targets.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Symbols;

/// <summary>The protocol, against a real server on this machine that answers well or badly.</summary>
[CancelAfter(60_000)]
public class SymbolServerClientTests
{
    private const string Index = "3844DBB920174967BE7AA4A2C20430FA2";
    private const string StorePath = "a.pdb/" + Index + "/a.pdb";

    private static readonly SymbolServerOptions s_quick = new()
    {
        ConnectTimeout = TimeSpan.FromSeconds(5), ProgressTimeout = TimeSpan.FromMilliseconds(400),
        MaximumBytes = 1_000_000,
    };

    private TemporaryFolder _folder = null!;
    private SymbolStore _cache = null!;
    private List<string> _warnings = null!;
    private SymbolSearchLog _log = null!;

    private static StoreKey Key(string name = "a.pdb") => StoreKey.Create(name, Index, StoreFileKind.Pdb)!;

    [SetUp]
    public void Make_a_cache()
    {
        _folder = new TemporaryFolder();
        _cache = new SymbolStore(_folder.At("cache"));
        _warnings = [];
        _log = new SymbolSearchLog("a.pdb", Index);
    }

    [TearDown]
    public void Remove_it() => _folder.Dispose();

    private SymbolServerClient Client(IProgress<DownloadProgress>? progress = null) =>
        new(s_quick, progress, _warnings.Add);

    private static TestSymbolServer Answering(string status, params string[] fields) =>
        new((_, stream, stop) => stream.WriteAsync(TestSymbolServer.Head(status, fields), stop).AsTask());

    private sealed class Recorder : IProgress<DownloadProgress>
    {
        public List<DownloadProgress> Reports { get; } = [];

        public void Report(DownloadProgress value) => Reports.Add(value);
    }

    private void AssertNothingArrived(string reason)
    {
        Assert.That(_folder.Files(), Is.Empty);
        Assert.That(_log.Lines[^1], Does.Contain("server error").And.Contain(reason));
        Assert.That(_warnings, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_file_comes_into_the_cache_whole()
    {
        byte[] content = TemporaryFolder.Pdb(700_001, 0x5a);
        using TestSymbolServer server = TestSymbolServer.Holding(new() { [StorePath] = content });
        Recorder progress = new();
        using SymbolServerClient client = Client(progress);

        string? path = client.Download(server.Url, Key(), _cache, _log);

        Assert.That(path, Is.EqualTo(_folder.At("cache/" + StorePath)));
        Assert.That(File.ReadAllBytes(path!), Is.EqualTo(content));
        Assert.That(_folder.Files(), Is.EqualTo(new[] { "cache/" + StorePath }));
        Assert.That(server.LastRequest, Does.Contain("User-Agent: Microsoft-Symbol-Server/10.0.0.0\r\n"));
        Assert.That(progress.Reports.Last(), Is.EqualTo(new DownloadProgress("a.pdb", 700_001, 700_001)));
        Assert.That(progress.Reports.Select(r => r.Bytes), Is.Ordered.Ascending);
        Assert.That(_warnings, Is.Empty);
    }

    // The percent-encoding of RFC 3986: a space is %20, '%' is %25, '#' is %23, U+00E9 is C3 A9 in UTF-8.
    [TestCase("my driver.pdb", "my%20driver.pdb")]
    [TestCase("100%2e.pdb", "100%252e.pdb")]
    [TestCase("a#b.pdb", "a%23b.pdb")]
    [TestCase("\u00e9.pdb", "%C3%A9.pdb")]
    public void A_name_is_one_component_of_the_URL(string name, string encoded)
    {
        using TestSymbolServer server = TestSymbolServer.Holding([]);
        using SymbolServerClient client = Client();

        client.Download(server.Url, Key(name), _cache, _log);

        Assert.That(server.Requests, Is.EqualTo(new[] { $"/sym/{encoded}/{Index}/{encoded}" }));
    }

    [Test]
    public void What_a_server_does_not_have_is_asked_for_once()
    {
        using TestSymbolServer server = TestSymbolServer.Holding([]);
        using SymbolServerClient client = Client();

        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Null);
        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Null);

        Assert.That(server.Requests, Has.Count.EqualTo(1));
        Assert.That(_log.Lines, Is.EqualTo(new[] { $"{server.Url}: not found", $"{server.Url}: not found" }));
        Assert.That(_warnings, Is.Empty);
        Assert.That(_folder.Tree(), Is.Empty);
    }

    [Test]
    public void A_server_that_fails_three_times_in_a_row_is_not_asked_again()
    {
        using TestSymbolServer server = Answering("500 Oops", "Content-Length: 0");
        using SymbolServerClient client = Client();

        for (int i = 0; i < 10; i++)
            Assert.That(client.Download(server.Url, Key($"{i}.pdb"), _cache, _log), Is.Null);

        Assert.That(server.Requests, Has.Count.EqualTo(3));
        Assert.That(_warnings, Is.EqualTo(new[] { $"symbol server {server.Url}: status 500 Oops" }));
        Assert.That(_log.Lines[^1], Does.Contain("failed 3 times in a row"));
        Assert.That(_folder.Tree(), Is.Empty);
    }

    [Test]
    public void Not_found_between_failures_shows_that_the_server_works()
    {
        int requests = 0;
        using TestSymbolServer server = new((_, stream, stop) => TestSymbolServer.SendAsync(
            stream, ++requests % 2 == 0 ? "404 Not Found" : "503 Busy", [], stop));
        using SymbolServerClient client = Client();

        for (int i = 0; i < 10; i++)
            client.Download(server.Url, Key($"{i}.pdb"), _cache, _log);

        Assert.That(server.Requests, Has.Count.EqualTo(10));
        Assert.That(_warnings, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_server_that_does_not_answer_costs_the_time_limit_only()
    {
        using TestSymbolServer server = new((_, _, stop) => Task.Delay(Timeout.Infinite, stop));
        using SymbolServerClient client = new(
            s_quick with { ConnectTimeout = TimeSpan.FromMilliseconds(400) }, null, _warnings.Add);

        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Null);

        AssertNothingArrived("in time");
    }

    [Test]
    public void A_download_that_stands_still_ends()
    {
        using TestSymbolServer server = new(async (_, stream, stop) =>
        {
            await stream.WriteAsync(TestSymbolServer.Head("200 OK", "Content-Length: 100000"), stop);
            await stream.WriteAsync(TemporaryFolder.Pdb(5_000), stop);
            await Task.Delay(Timeout.Infinite, stop);
        });
        using SymbolServerClient client = Client();

        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Null);

        AssertNothingArrived("in time");
    }

    [TestCase("Content-Length: 100000")]
    [TestCase("Transfer-Encoding: chunked")]
    public void A_truncated_file_never_gets_its_name(string field)
    {
        using TestSymbolServer server = new(async (_, stream, stop) =>
        {
            await stream.WriteAsync(TestSymbolServer.Head("200 OK", field), stop);
            if (field.EndsWith("chunked", StringComparison.Ordinal))
                await stream.WriteAsync("2000\r\n"u8.ToArray(), stop);
            await stream.WriteAsync(TemporaryFolder.Pdb(5_000), stop);
        });
        using SymbolServerClient client = Client();

        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Null);

        AssertNothingArrived("");
    }

    [Test]
    public void A_length_above_the_limit_is_refused_before_the_file_is_read()
    {
        using TestSymbolServer server = Answering("200 OK", "Content-Length: 1000001");
        using SymbolServerClient client = Client();

        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Null);

        AssertNothingArrived("larger than 1000000 bytes");
    }

    [Test]
    public void A_file_without_an_end_is_cut_off_at_the_limit()
    {
        long sent = 0;
        using TestSymbolServer server = new(async (_, stream, stop) =>
        {
            await stream.WriteAsync(TestSymbolServer.Head("200 OK"), stop);
            byte[] block = TemporaryFolder.Pdb(65_536);
            for (; ; sent += block.Length)
                await stream.WriteAsync(block, stop);
        });
        using SymbolServerClient client = Client();

        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Null);

        AssertNothingArrived("larger than 1000000 bytes");
        Assert.That(sent, Is.LessThan(100_000_000));
    }

    [TestCase("<html>Please log in</html>")]
    [TestCase("MSCF\0\0\0\0 a cabinet")]
    [TestCase("")]
    public void Something_else_than_a_PDB_stays_out_of_the_cache(string body)
    {
        byte[] content = System.Text.Encoding.Latin1.GetBytes(body);
        using TestSymbolServer server = TestSymbolServer.Holding(new() { [StorePath] = content });
        using SymbolServerClient client = Client();

        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Null);

        AssertNothingArrived("is not a PDB");
    }

    [Test]
    public void A_compressed_answer_that_nobody_asked_for_is_refused()
    {
        using TestSymbolServer server = Answering("200 OK", "Content-Encoding: gzip", "Content-Length: 10");
        using SymbolServerClient client = Client();

        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Null);

        AssertNothingArrived("encoding gzip");
    }

    [Test]
    public void A_redirect_to_http_is_followed()
    {
        using TestSymbolServer target =
            TestSymbolServer.Holding(new() { ["elsewhere"] = TemporaryFolder.Pdb(100) });
        using TestSymbolServer server = Answering("302 Found", $"Location: {target.Url}/elsewhere");
        using SymbolServerClient client = Client();

        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Not.Null);
        Assert.That(_folder.Files(), Is.EqualTo(new[] { "cache/" + StorePath }));
    }

    [TestCase("file:///etc/passwd", "a redirect to file is not followed")]
    [TestCase("ftp://127.0.0.1/x", "a redirect to ftp is not followed")]
    [TestCase("/sym/again", "more than 5 redirects")]
    public void Other_redirects_are_refused(string location, string reason)
    {
        using TestSymbolServer server = Answering("302 Found", $"Location: {location}", "Content-Length: 0");
        using SymbolServerClient client = Client();

        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Null);

        AssertNothingArrived(reason);
        Assert.That(server.Requests.Count, Is.LessThanOrEqualTo(6));
    }

    private sealed class RedirectToHttp : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken stop)
        {
            HttpResponseMessage response = new(HttpStatusCode.Found);
            response.Headers.Location = new Uri("http://server.invalid/x");
            return Task.FromResult(response);
        }
    }

    [Test]
    public void A_redirect_from_https_to_http_is_refused()
    {
        using SymbolServerClient client = new(new RedirectToHttp(), s_quick, null, _warnings.Add);

        Assert.That(client.Download(new Uri("https://server.invalid"), Key(), _cache, _log), Is.Null);

        AssertNothingArrived("from https to http");
    }

    [Test]
    public void A_server_that_is_not_there_is_a_warning()
    {
        Uri url;
        using (TestSymbolServer gone = TestSymbolServer.Holding([]))
            url = gone.Url;
        using SymbolServerClient client = Client();

        Assert.That(client.Download(url, Key(), _cache, _log), Is.Null);

        AssertNothingArrived("");
    }

    [TestCase("HTTP/1.1 two hundred\r\n\r\n")]
    [TestCase("\0\0\0\0\0\0\0\0")]
    [TestCase("HTTP/1.1 302 Found\r\nLocation: http://[:::/\r\n\r\n")]
    [TestCase("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")]
    [TestCase("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n")]
    [TestCase("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFF\r\n")]
    [TestCase("")]
    public void Garbage_is_an_error_of_the_server(string answer)
    {
        byte[] bytes = System.Text.Encoding.Latin1.GetBytes(answer);
        using TestSymbolServer server = new((_, stream, stop) => stream.WriteAsync(bytes, stop).AsTask());
        using SymbolServerClient client = Client();

        Assert.That(client.Download(server.Url, Key(), _cache, _log), Is.Null);

        AssertNothingArrived("");
    }

    [Test]
    public void Cancelling_ends_a_download_and_leaves_nothing(CancellationToken endOfTest)
    {
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(endOfTest);
        using TestSymbolServer server = new(async (_, stream, stop) =>
        {
            await stream.WriteAsync(TestSymbolServer.Head("200 OK", "Content-Length: 100000"), stop);
            await stream.WriteAsync(TemporaryFolder.Pdb(5_000), stop);
            await cancel.CancelAsync();
            await Task.Delay(Timeout.Infinite, stop);
        });
        using SymbolServerClient client = new(new SymbolServerOptions(), null, _warnings.Add);

        Assert.That(() => client.Download(server.Url, Key(), _cache, _log, cancel.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(_folder.Files(), Is.Empty);
        Assert.That(_warnings, Is.Empty);
    }

    [Test]
    public async Task Two_downloads_of_one_file_at_once_both_succeed()
    {
        byte[] content = TemporaryFolder.Pdb(900_000, 0x33);
        using Barrier both = new(2);
        using TestSymbolServer server = new(async (_, stream, stop) =>
        {
            await stream.WriteAsync(TestSymbolServer.Head("200 OK", $"Content-Length: {content.Length}"), stop);
            await stream.WriteAsync(content.AsMemory(0, 400_000), stop);
            await Task.Run(() => both.SignalAndWait(TimeSpan.FromSeconds(20)), stop);
            await stream.WriteAsync(content.AsMemory(400_000), stop);
        });
        SymbolServerOptions patient = s_quick with { ProgressTimeout = TimeSpan.FromSeconds(30) };

        // Two clients with two stores stand for two processes.
        async Task<string?> FetchAsync()
        {
            using SymbolServerClient client = new(patient, null, _warnings.Add);
            return await client.DownloadAsync(
                server.Url, Key(), new SymbolStore(_cache.Root), new SymbolSearchLog("a.pdb"));
        }
        string?[] paths = await Task.WhenAll(FetchAsync(), FetchAsync());

        Assert.That(server.Requests, Has.Count.EqualTo(2));
        Assert.That(paths, Is.All.EqualTo(_folder.At("cache/" + StorePath)));
        Assert.That(_folder.Files(), Is.EqualTo(new[] { "cache/" + StorePath }));
        Assert.That(File.ReadAllBytes(paths[0]!), Is.EqualTo(content));
    }

    [Test]
    public void A_cache_that_cannot_be_written_is_no_error_of_the_server()
    {
        using TestSymbolServer server = TestSymbolServer.Holding(new() { [StorePath] = TemporaryFolder.Pdb(100) });
        SymbolStore blocked = new(Path.Combine(_folder.Write("file"), "cache"));
        using SymbolServerClient client = Client();

        Assert.That(client.Download(server.Url, Key(), blocked, _log), Is.Null);

        Assert.That(blocked.IsWritable, Is.False);
        Assert.That(_log.Lines.Single(), Does.Contain("cannot be written"));
        Assert.That(_warnings, Is.Empty);
    }
}
