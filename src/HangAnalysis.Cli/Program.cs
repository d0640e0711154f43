using System.Text;
using HangAnalysis.Cli;
using HangAnalysis.Cli.Prompting;

// Windows consoles begin with a code page that lacks the lines of a tree.
Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
bool redirected = Console.IsOutputRedirected;

// Console.Out sends each piece by itself. A person does not notice, a pipe with a hundred thousand lines does.
const int BufferSize = 64 * 1024;
using TextWriter output = redirected
    ? new StreamWriter(Console.OpenStandardOutput(), Console.OutputEncoding, BufferSize)
    : Console.Out;
bool isTerminal = !redirected && !Console.IsInputRedirected;
ConsoleStreams streams = new(output, Console.Error, redirected, Console.IsErrorRedirected)
{
    Input = () => Console.In,
    Terminal = isTerminal ? new SystemTerminal() : null,
    TerminalHasCursor = isTerminal && ColorSink.TerminalHasAnsi,
};
return await CommandLine.RunAsync(args, streams).ConfigureAwait(false);
