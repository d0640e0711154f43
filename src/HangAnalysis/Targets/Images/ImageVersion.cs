namespace HangAnalysis.Targets.Images;

/// <summary>What an image's version resource says of it. Text from the image; null where it does not say.</summary>
/// <param name="CompanyName">Maker.</param>
/// <param name="FileVersion">Version as its maker writes it, or the four numbers of the fixed part.</param>
/// <param name="ProductVersion">Version of the product, or the four numbers of the fixed part.</param>
/// <param name="FileDescription">What the file is.</param>
public sealed record ImageVersion(
    string? CompanyName, string? FileVersion, string? ProductVersion, string? FileDescription);
