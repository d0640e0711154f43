using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace HangAnalysis.Tests.Targets.Symbols;

/// <summary>An HTTP server on 127.0.0.1 that answers with whatever bytes the test wants, well-formed or not.</summary>
internal sealed class TestSymbolServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<string, Stream, CancellationToken, Task> _answer;

    /// <summary>Starts a server; the function gets the requested path and the stream for the whole answer.</summary>
    public TestSymbolServer(Func<string, Stream, CancellationToken, Task> answer)
    {
        _answer = answer;
        _listener.Start();
        Url = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/sym");
        _ = AcceptAsync();
    }

    /// <summary>Starts a server that has the given files, by path below "/sym/".</summary>
    public static TestSymbolServer Holding(Dictionary<string, byte[]> files) => new((path, stream, stop) =>
        path.StartsWith("/sym/", StringComparison.Ordinal) && files.TryGetValue(path[5..], out byte[]? content)
            ? SendAsync(stream, "200 OK", content, stop)
            : SendAsync(stream, "404 Not Found", [], stop));

    public Uri Url { get; }

    /// <summary>Paths that were asked for.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>The last request, with its header.</summary>
    public string LastRequest { get; private set; } = "";

    public static async Task SendAsync(Stream stream, string status, byte[] body, CancellationToken stop)
    {
        await stream.WriteAsync(Head(status, $"Content-Length: {body.Length}"), stop);
        await stream.WriteAsync(body, stop);
    }

    public static byte[] Head(string status, params string[] fields)
    {
        string lines = string.Concat(fields.Select(f => f + "\r\n"));
        return Encoding.Latin1.GetBytes($"HTTP/1.1 {status}\r\nConnection: close\r\n{lines}\r\n");
    }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Stop();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (!_stop.IsCancellationRequested)
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient connection)
    {
        using (connection)
        {
            try
            {
                NetworkStream stream = connection.GetStream();
                StringBuilder request = new();
                byte[] one = new byte[1];
                while (!request.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
                {
                    if (await stream.ReadAsync(one, _stop.Token) == 0)
                        return;
                    request.Append((char)one[0]);
                }
                LastRequest = request.ToString();
                string path = LastRequest.Split(' ')[1];
                Requests.Enqueue(path);
                await _answer(path, stream, _stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or SocketException)
            {
                // The client went away, which some tests want.
            }
        }
    }
}
