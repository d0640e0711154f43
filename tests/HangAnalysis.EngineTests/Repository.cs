namespace HangAnalysis.EngineTests;

/// <summary>Finds the repository that the tests belong to. Both test projects compile this file.</summary>
public static class Repository
{
    /// <summary>The folder that holds HangAnalysis.sln, found upwards from the test assembly.</summary>
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "HangAnalysis.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("HangAnalysis.sln is not above the tests");
    }
}
