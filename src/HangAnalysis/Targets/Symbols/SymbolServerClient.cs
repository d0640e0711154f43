using System.Net;
using System.Security.Cryptography;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Fetches files from symbol servers: GET URL/NAME/INDEX/NAME (learn.microsoft.com, "HTTP Symbol Stores"). One client
/// is one session: it remembers what a server does not have and which servers do not work.
/// </summary>
/// <remarks>
/// Compressed files (NAME.pd_) and file.ptr are not asked for: they would treble the requests for every file that a
/// server does not have, and the servers in use today send plain files. Thread-safe.
/// </remarks>
public sealed class SymbolServerClient : IDisposable
{
    private const int MaximumRedirects = 5;
    private const int BufferBytes = 256 * 1024;
    private const int SignatureBytes = 16;

    private readonly HttpClient _http;
    private readonly SymbolServerOptions _options;
    private readonly IProgress<DownloadProgress>? _progress;
    private readonly Action<string>? _warn;
    private readonly Lock _lock = new();
    private readonly HashSet<string> _notThere = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ServerState> _servers = new(StringComparer.Ordinal);

    /// <summary>Makes a client that uses the network.</summary>
    /// <param name="options">Bounds.</param>
    /// <param name="progress">Is told how far each download is.</param>
    /// <param name="warn">Is told, once for each server, of errors other than "not found"; one line.</param>
    public SymbolServerClient(
        SymbolServerOptions? options = null, IProgress<DownloadProgress>? progress = null, Action<string>? warn = null)
        : this(CreateHandler(options ?? new SymbolServerOptions()), options, progress, warn)
    {
    }

    /// <summary>Makes a client over another transport, which must not follow redirects itself.</summary>
    public SymbolServerClient(
        HttpMessageHandler handler, SymbolServerOptions? options = null, IProgress<DownloadProgress>? progress = null,
        Action<string>? warn = null)
    {
        _options = options ?? new SymbolServerOptions();
        _progress = progress;
        _warn = warn;
        _http = new HttpClient(handler, disposeHandler: true) { Timeout = Timeout.InfiniteTimeSpan };

        // Some servers and proxies answer only the debuggers' own client.
        _http.DefaultRequestHeaders.TryAddWithoutValidation("User-Agent", "Microsoft-Symbol-Server/10.0.0.0");
    }

    /// <summary>Fetches a file into a store and waits for it.</summary>
    /// <returns>Its path there, or null: the log says why.</returns>
    public string? Download(
        Uri server, StoreKey key, SymbolStore destination, SymbolSearchLog log,
        CancellationToken cancellation = default) =>
        DownloadAsync(server, key, destination, log, cancellation).GetAwaiter().GetResult();

    /// <summary>Fetches a file into a store.</summary>
    /// <returns>Its path there, or null: the log says why.</returns>
    public async Task<string?> DownloadAsync(
        Uri server, StoreKey key, SymbolStore destination, SymbolSearchLog log,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(server);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(log);
        cancellation.ThrowIfCancellationRequested();

        string place = SymbolStoreLocation.DisplayUrl(server);
        Uri url = FileUrl(server, key);
        ServerState state;
        lock (_lock)
        {
            if (!_servers.TryGetValue(server.AbsoluteUri, out ServerState? known))
                _servers.Add(server.AbsoluteUri, known = new ServerState());
            state = known;
            if (state.Failures >= _options.MaximumFailures)
            {
                log.Declined(place, $"not asked, it failed {state.Failures} times in a row");
                return null;
            }
            if (_notThere.Contains(url.AbsoluteUri))
            {
                log.NotFound(place);
                return null;
            }
        }

        try
        {
            string? path = await FetchAsync(url, key, destination, cancellation).ConfigureAwait(false);
            lock (_lock)
            {
                state.Failures = 0;
                if (path is null)
                    _notThere.Add(url.AbsoluteUri);
            }
            if (path is null)
                log.NotFound(place);
            return path;
        }
        catch (StoreWriteException e)
        {
            destination.WriteFailed(e.InnerException!, log);
            return null;
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested && Explain(e) is { } reason)
        {
            Failed(state, place, reason, log);
            return null;
        }
        catch (Exception e) when (cancellation.IsCancellationRequested && e is not OperationCanceledException)
        {
            // A cancelled read can surface as an error of the connection.
            throw new OperationCanceledException(e.Message, e, cancellation);
        }
    }

    /// <summary>Ends the session and its connections.</summary>
    public void Dispose() => _http.Dispose();

    private static SocketsHttpHandler CreateHandler(SymbolServerOptions options) => new()
    {
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = options.ConnectTimeout,
        UseCookies = false,
    };

    private static Uri FileUrl(Uri server, StoreKey key)
    {
        string name = Uri.EscapeDataString(key.Name);
        UriBuilder builder = new(server) { Fragment = "" };
        builder.Path = $"{builder.Path.TrimEnd('/')}/{name}/{key.Index}/{name}";
        return builder.Uri;
    }

    private async Task<string?> FetchAsync(
        Uri url, StoreKey key, SymbolStore destination, CancellationToken cancellation)
    {
        using CancellationTokenSource stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stall.CancelAfter(_options.ConnectTimeout + _options.ProgressTimeout);
        using HttpResponseMessage response = await RequestAsync(url, stall.Token).ConfigureAwait(false);
        if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone)
            return null;
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new SymbolServerException($"status {(int)response.StatusCode} {response.ReasonPhrase}");
        }

        // A compressed body could become any size, and nothing here asked for one.
        foreach (string encoding in response.Content.Headers.ContentEncoding)
        {
            if (!encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
                throw new SymbolServerException($"the file was sent with the encoding {encoding}");
        }
        long? total = response.Content.Headers.ContentLength;
        if (total > _options.MaximumBytes)
            throw TooLarge();

        Stream body = await response.Content.ReadAsStreamAsync(stall.Token).ConfigureAwait(false);
        await using (body.ConfigureAwait(false))
            return await ReceiveAsync(body, total, key, destination, stall).ConfigureAwait(false);
    }

    private async Task<HttpResponseMessage> RequestAsync(Uri url, CancellationToken stall)
    {
        for (int redirects = 0; ; redirects++)
        {
            using HttpRequestMessage request = new(HttpMethod.Get, url);
            HttpResponseMessage response =
                await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall).ConfigureAwait(false);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308))
                return response;

            using (response)
                url = Redirected(url, response.Headers.Location);
            if (redirects >= MaximumRedirects)
                throw new SymbolServerException($"more than {MaximumRedirects} redirects");
        }
    }

    private static Uri Redirected(Uri from, Uri? location)
    {
        if (location is null || !Uri.TryCreate(from, location, out Uri? to))
            throw new SymbolServerException("a redirect to nowhere");
        bool secure = to.Scheme == Uri.UriSchemeHttps;
        if (!secure && to.Scheme != Uri.UriSchemeHttp)
            throw new SymbolServerException($"a redirect to {to.Scheme} is not followed");
        if (!secure && from.Scheme == Uri.UriSchemeHttps)
            throw new SymbolServerException("a redirect from https to http is not followed");
        return to;
    }

    private async Task<string> ReceiveAsync(
        Stream body, long? total, StoreKey key, SymbolStore destination, CancellationTokenSource stall)
    {
        byte[] buffer = new byte[BufferBytes];
        stall.CancelAfter(_options.ProgressTimeout);
        int got = await body.ReadAtLeastAsync(buffer, SignatureBytes, throwOnEndOfStream: false, stall.Token)
            .ConfigureAwait(false);

        // A proxy's page that asks for a password has status 200 too. It must not become a PDB in the cache.
        if (!HasSignature(buffer.AsSpan(0, got), key.Kind))
            throw new SymbolServerException($"what was sent for {key.Name} is not {Noun(key.Kind)}");

        using PendingFile pending = Writing(() => destination.Begin(key));
        long bytes = 0;
        while (got > 0)
        {
            bytes += got;
            if (bytes > _options.MaximumBytes)
                throw TooLarge();
            Writing(() => { pending.Stream.Write(buffer, 0, got); return true; });
            _progress?.Report(new DownloadProgress(key.Name, bytes, total));
            stall.CancelAfter(_options.ProgressTimeout);
            got = await body.ReadAsync(buffer, stall.Token).ConfigureAwait(false);
        }
        if (total is { } expected && bytes != expected)
            throw new SymbolServerException($"{bytes} of {expected} bytes came");
        stall.Token.ThrowIfCancellationRequested();
        return Writing(pending.Commit);
    }

    private static bool HasSignature(ReadOnlySpan<byte> start, StoreFileKind kind) => kind switch
    {
        StoreFileKind.Image => start.StartsWith("MZ"u8),
        // llvm.org/docs/PDB/MsfFile.html; "BSJB" begins a portable PDB (dotnet/runtime, PortablePdb-Metadata.md).
        _ => start.StartsWith("Microsoft C/C++ "u8) || start.StartsWith("BSJB"u8),
    };

    private static string Noun(StoreFileKind kind) => kind == StoreFileKind.Image ? "an image" : "a PDB";

    private SymbolServerException TooLarge() => new($"the file is larger than {_options.MaximumBytes} bytes");

    /// <summary>Tells errors of the store from those of the connection: both are IOExceptions.</summary>
    private static T Writing<T>(Func<T> write)
    {
        try
        {
            return write();
        }
        catch (Exception e) when (SymbolStore.IsFileError(e))
        {
            throw new StoreWriteException(e.Message, e);
        }
    }

    private static string? Explain(Exception e) => e switch
    {
        SymbolServerException => e.Message,
        OperationCanceledException { InnerException: TimeoutException } => "no connection in time",
        HttpRequestException or IOException => e.Message,
        OperationCanceledException => "no answer, or nothing more of one, in time",

        // The handler reports some malformed answers and addresses with these.
        InvalidOperationException or UriFormatException or CryptographicException => e.Message,
        _ => null,
    };

    private void Failed(ServerState state, string place, string reason, SymbolSearchLog log)
    {
        bool first;
        lock (_lock)
        {
            state.Failures++;
            first = !state.Warned;
            state.Warned = true;
        }
        log.ServerError(place, reason);
        if (first)
            _warn?.Invoke(SymbolSearchLog.Line($"symbol server {place}", reason));
    }

    private sealed class ServerState
    {
        public int Failures { get; set; }

        public bool Warned { get; set; }
    }

    private sealed class SymbolServerException(string message) : Exception(message);

    private sealed class StoreWriteException(string message, Exception cause) : Exception(message, cause);
}
