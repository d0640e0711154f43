using System.Text;
using HangAnalysis.DbgEng;
using HangAnalysis.EngineHost;

const int ExitRan = 0;
const int ExitCommandFailed = 1;
const int ExitUsage = 2;
const int ExitUnreadable = 3;

if (HostOptions.Parse(args, out string problem) is not { } options)
{
    Console.Error.WriteLine($"hangdbg: {problem}\n{HostOptions.Usage}");
    return ExitUsage;
}
using StreamWriter output = new(Console.OpenStandardOutput(), new UTF8Encoding(false));
try
{
    return Run(options, output);
}
catch (Exception exception) when (exception is DebugEngineException or DllNotFoundException or EntryPointNotFoundException)
{
    output.Flush();
    Console.Error.WriteLine($"hangdbg: {exception.Message}");
    return ExitUnreadable;
}

static int Run(HostOptions options, TextWriter output)
{
    using HostSession session = new(output, options.Quiet, options.Timeout);
    string beside = Path.Combine(AppContext.BaseDirectory, "HangAnalysis.dll");
    string? extension = options.NoExtension ? null : options.Extension ?? (File.Exists(beside) ? beside : null);
    session.Open(options.Dump, options.SymbolPath, extension);
    if (options.Dml)
        session.SetDml(true);
    bool failed = false;
    foreach (string command in options.Commands)
    {
        if (options.Echo)
            output.Write($"kd> {command}\n");
        failed |= !session.Run(command, options.BreakAfter);
        output.Flush();
    }
    return failed ? ExitCommandFailed : ExitRan;
}
