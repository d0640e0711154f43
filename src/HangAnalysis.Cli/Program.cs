using HangAnalysis.Cli;

return await CommandLine.RunAsync(args, new ConsoleStreams(Console.Out, Console.Error, Console.IsOutputRedirected,
    Console.IsErrorRedirected)).ConfigureAwait(false);
