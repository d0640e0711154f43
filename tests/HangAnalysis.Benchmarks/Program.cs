using BenchmarkDotNet.Running;

BenchmarkSwitcher.FromAssembly(typeof(HangAnalysis.Benchmarks.WholeDumpBenchmarks).Assembly).Run(args);
